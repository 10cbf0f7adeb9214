"""The log of one run's flow container: where it is, and the record at its end."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowenv.errors import PlatformError
from flowenv.plugin import Outcome
from flowenv_fargate.runs import cloudwatch
from flowenv_fargate.runs.account import Account
from flowenv_fargate.runs.cloudwatch import LogPlace, LogReader, no_logs
from flowenv_fargate.runs.diagnosis.status import container_of, left_a_record
from flowenv_fargate.spec.tags import seal_in

_log = logging.getLogger("flowenv.fargate")


@dataclass(frozen=True)
class LogEnd:
    """The end of a flow's log.

    Args:
        outcome: the run's record, if it is there.
        lines: the last lines; None if nothing is known of the log.
        patience: seconds after the container's end for which the record may still come.
    """

    outcome: Outcome | None = None
    lines: str | None = None
    patience: float = 0.0


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

    def end(self, task: Mapping[str, Any]) -> LogEnd:
        """The end of the log now, with the run's record if it is there already.

        Args:
            task: as it was last seen.

        Raises:
            PlatformError: if the log can't be read.
        """
        place = self._place(task)
        if place is None:
            return LogEnd()
        lines = LogReader(self.account.aws, place).tail()
        if outcome := Outcome.from_text(lines or "", self.run_id, seal_in(task)):
            return LogEnd(outcome, lines)
        return LogEnd(None, lines, self._patience(task, lines or ""))

    def _patience(self, task: Mapping[str, Any], lines: str) -> float:
        left = left_a_record(task, self.container)
        if left is False or "No module named 'flowenv'" in lines:
            return 0.0
        return cloudwatch.LATE_SECONDS if left else cloudwatch.DRAIN_SECONDS

    def try_end(self, task: Mapping[str, Any]) -> LogEnd:
        """The same for a status, which is known to a part without the log."""
        try:
            return self.end(task)
        except PlatformError as error:
            _log.warning("The log of the run %s can't be read: %s", self.run_id, error)
            return LogEnd()

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
