"""Ends a run's task, and removes what the run leaves."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flowenv.errors import FlowenvError, PlatformError
from flowenv.plugin import TryAgain
from flowenv_fargate.api.refusals import AwsRefused, Kind
from flowenv_fargate.runs import s3_payload
from flowenv_fargate.runs.account import Account
from flowenv_fargate.runs.diagnosis.status import CANCEL_REASON, DEADLINE_MARK, ENDED_REASON
from flowenv_fargate.spec.tags import Task

_log = logging.getLogger("flowenv.fargate")


class Ending:
    """The end of one task.

    Args:
        account: whose task it is.
        cluster: of the task, by name or ARN.
        arn: of the task.
        container: the name of the flow's container.
        start_timeout: seconds within which the task must run.
        payload_url: where the payload is, if it is in S3.
        is_claimed_once: whether no other task says that it is the run, which marks alone can't
            tell.
    """

    def __init__(
        self,
        account: Account,
        cluster: str,
        arn: str,
        container: str,
        start_timeout: float,
        payload_url: str,
        is_claimed_once: Callable[[], bool],
    ) -> None:
        self._account = account
        self._aws = account.aws
        self._cluster = cluster
        self._arn = arn
        self._container = container
        self._start_timeout = start_timeout
        self._payload_url = payload_url
        self._is_claimed_once = is_claimed_once
        self._cleaned_up = False

    def end_late(self, task: Task, waited: float) -> None:
        """Stop a task that should run by now; the next look says so.

        Args:
            task: as it was last seen.
            waited: seconds since it was asked for.
        """
        if waited > self._start_timeout and task.get("desiredStatus") != "STOPPED":
            self._stop(f"{DEADLINE_MARK} {self._start_timeout:g} seconds ({task['lastStatus']})")

    def cancel(self) -> None:
        """Tell the task to stop, as somebody asked for it.

        Raises:
            PlatformError: if ECS doesn't know it, or doesn't answer.
        """

        def attempt() -> None:
            if not self._stop(CANCEL_REASON):  # a task can be too new to be known
                raise TryAgain(
                    PlatformError(f"ECS knows no task {self._arn} that could be stopped.")
                )

        self._aws.retries.call(attempt)

    def clean_up(self, task: Task) -> None:
        """Stop and remove what the run leaves; only who follows it does so, not who looks."""
        if self._cleaned_up:
            return
        self._cleaned_up = True
        self._stop_the_rest(task)
        if self._payload_url:
            try:
                if self._is_claimed_once():
                    s3_payload.remove(self._aws, self._payload_url)
                else:
                    _log.warning("The payload is left: another task says that it is the run.")
            except FlowenvError as error:
                _log.warning("The payload %s can't be removed: %s", self._payload_url, error)

    def _stop_the_rest(self, task: Task) -> None:
        """Stop what would keep an existing definition's task going after the flow's end."""
        if "STOPPED" in (task.get("lastStatus"), task.get("desiredStatus")):
            return
        arn = str(task.get("taskDefinitionArn") or "")
        containers = self._account.definitions.revision(arn).get("containerDefinitions") or []
        if any(c["name"] == self._container and c.get("essential") is False for c in containers):
            self._stop(ENDED_REASON)

    def _stop(self, reason: str) -> bool:
        """Tell the task to stop; False if ECS knows no such task, or not yet."""
        parameters = {"cluster": self._cluster, "task": self._arn, "reason": reason}
        try:
            self._aws.call("ecs", "StopTask", parameters)
        except AwsRefused as error:
            if error.refusal.kind is not Kind.ABSENT:
                raise
            return False
        return True
