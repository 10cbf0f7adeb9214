"""The log of one run's flow container: where it is, and the record at its end."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowenv.errors import PlatformError
from flowenv.plugin import Outcome
from flowenv_fargate.runs.account import Account
from flowenv_fargate.runs.cloudwatch import LogPlace, LogReader, no_logs, read_outcome
from flowenv_fargate.runs.diagnosis import container_of, may_have_record

_log = logging.getLogger("flowenv.fargate")


@dataclass(frozen=True)
class FlowLog:
    """The log of one run's flow container.

    Args:
        account: whose task it is.
        arn: of the task.
        run_id: the run.
        container: the name of the flow's container.
    """

    account: Account
    arn: str
    run_id: str
    container: str

    def record(self, task: Mapping[str, Any], *, wait: bool) -> tuple[Outcome | None, str]:
        """The run's record and last lines, as far as there is a log.

        Args:
            task: as it was last seen.
            wait: for a record that may still be on its way.

        Raises:
            PlatformError: if the log can't be read.
        """
        place = self._place(task)
        if place is None:
            return None, ""
        wait = wait and may_have_record(task, self.container)
        return read_outcome(LogReader(self.account.aws, place), self.run_id, wait=wait)

    def try_record(self, task: Mapping[str, Any], *, wait: bool) -> tuple[Outcome | None, str]:
        """The same for a status, which is known to a part without the log."""
        try:
            return self.record(task, wait=wait)
        except PlatformError as error:
            _log.warning("The log of the run %s can't be read: %s", self.run_id, error)
            return None, ""

    def reader(self, task: Mapping[str, Any]) -> LogReader | None:
        """A reader of the log; None while the container's id, which names it, isn't known.

        Raises:
            UnsupportedOperation: if the container doesn't log to CloudWatch.
        """
        place = self._place(task)
        if place is None:
            raise no_logs()
        return LogReader(self.account.aws, place) if place.stream else None

    def _place(self, task: Mapping[str, Any]) -> LogPlace | None:
        arn = task.get("taskDefinitionArn")
        if not arn:
            return None
        definition = self.account.definitions.revision(str(arn))
        containers = {c["name"]: c for c in definition.get("containerDefinitions") or []}
        runtime_id = container_of(task, self.container).get("runtimeId")
        found = containers.get(self.container)
        return LogPlace.of(found, self.arn, runtime_id) if found else None
