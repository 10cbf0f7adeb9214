"""The handle on one run: its status, log and outcome, and a way to stop it."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from flowenv.errors import PlatformError
from flowenv.plugin import (
    Event,
    Outcome,
    PolledHandle,
    Reason,
    RunTimes,
    State,
    Status,
    seconds_since,
)
from flowenv_fargate.runs.account import Account
from flowenv_fargate.runs.cloudwatch import follow_lines
from flowenv_fargate.runs.diagnosis.events import events_of
from flowenv_fargate.runs.diagnosis.status import (
    container_of,
    diagnose,
    is_over,
    lost,
)
from flowenv_fargate.runs.diagnosis.times import times_of
from flowenv_fargate.runs.ending import Ending
from flowenv_fargate.runs.flow_log import FlowLog
from flowenv_fargate.spec.tags import Task

MISSING_SECONDS = 60.0
"""Seconds after RunTask for which DescribeTasks may not know a task yet."""
STOP_SECONDS = 180.0
"""Seconds within which a stopped task must have stopped: the longest stopTimeout and a minute."""
LATE_RECORD = "The flow's process has ended; how it ended isn't in its log yet."


class TaskHandle(PolledHandle[Task]):
    """A handle on one task.

    Args:
        account: whose task it is.
        cluster: of the task, by name or ARN.
        arn: of the task.
        run_id: the run.
        container: the name of the flow's container.
        start_timeout: seconds within which the task must run.
        payload_url: where the payload is, if it is in S3.
        is_claimed_once: whether no other task says that it is the run. Whoever has submitted it
            needn't ask.
        task: what is known of the task already.
        submitted: True if `task` is RunTask's answer, so that DescribeTasks may not know it.
    """

    def __init__(
        self,
        account: Account,
        cluster: str,
        arn: str,
        *,
        run_id: str,
        container: str,
        start_timeout: float,
        payload_url: str = "",
        is_claimed_once: Callable[[], bool] = lambda: True,
        task: Mapping[str, Any],
        submitted: bool = False,
    ) -> None:
        super().__init__(account.poller(cluster), arn, task)
        self._account = account
        self._arn = arn
        self._flow_log = FlowLog(account, arn, run_id, container)
        self._container = container
        self._ending = Ending(
            account, cluster, arn, container, start_timeout, payload_url, is_claimed_once
        )
        self._task: Mapping[str, Any] = task
        self._answer = task if submitted else None
        self._is_own = submitted
        self._shown = not submitted  # by DescribeTasks, not only in RunTask's answer
        self._missing_since: float | None = None
        self._seen_living = submitted
        self._over_since: float | None = None
        self._is_cancelled = False
        self._outcome: Outcome | None = None

    # -- status -------------------------------------------------------------------------

    def times(self) -> RunTimes:
        """When what of the run happened, by ECS's clock and the flow's own record.

        Raises:
            PlatformError: if AWS can't be asked.
        """
        is_final = self.look(self.poller.interval).state.is_final
        times = times_of(self._task, self._outcome)
        if is_final and not times.ended and (seen := self.poller.look(self._arn).found):
            times = times_of(seen, self._outcome)  # a flow ends before its task does
        outcome = self._outcome
        return times if times.ended or not outcome else replace(times, ended=outcome.returned)

    def look_for_latest(self) -> Status:
        """One look, seldom older than two seconds."""
        status = super().look_for_latest()
        if self._is_own:  # whoever has submitted the run looks after it, too
            self.look_after(status)
        return status

    def take_over(self) -> None:
        """From now on, looks at the run stop its task if it can't start."""
        self._is_own = True

    def look_after(self, status: Status) -> None:
        """Stop what should have started by now; clean up after what is over."""
        if status.state in (State.SUBMITTED, State.STARTING):
            self._ending.end_late(self._task, self._waited())
        if status.state.is_final:
            self._ending.clean_up(self._task)

    def _waited(self) -> float:
        """Seconds since the task was asked for."""
        created = self._task.get("createdAt")
        if self._answer is None and isinstance(created, datetime.datetime):
            # of another process's run only AWS's clock knows when it began
            return seconds_since(created)
        return time.monotonic() - self._made

    def judge(self, found: Mapping[str, Any] | None) -> Status:
        """The status that a look means.

        Args:
            found: the task as DescribeTasks shows it; None if it doesn't.
        """
        if found is None:
            return self._missing()
        self._shown = self._shown or found is not self._answer
        self._task, self._missing_since = found, None
        return self.status_of(found)

    def status_of(self, task: Mapping[str, Any]) -> Status:
        """The status that a task means.

        Args:
            task: as DescribeTasks shows it; if it is over, its log is read.
        """
        if not is_over(task, self._container):
            self._seen_living = True
            return diagnose(task, self._container)
        if container_of(task, self._container).get("exitCode") is None:
            status = diagnose(task, self._container)
            if status.reason is Reason.CONFIGURATION:
                self._account.definitions.log_groups.forget()  # it may be what was missing
            return status
        end = self._flow_log.try_end(task)
        self._outcome = end.outcome
        if self._seconds_over(task) < end.patience:
            return Status(State.RUNNING, message=LATE_RECORD)
        return diagnose(task, self._container, end.outcome, end.lines)

    def _seconds_over(self, task: Mapping[str, Any]) -> float:
        """How long ago the flow's container ended."""
        now = time.monotonic()
        self._over_since = self._over_since or now
        ended = task.get("executionStoppedAt") or task.get("stoppedAt")
        if self._seen_living or not isinstance(ended, datetime.datetime):
            return now - self._over_since
        # who comes later only has AWS's clock to go by
        return (datetime.datetime.now(datetime.UTC) - ended).total_seconds()

    def _missing(self) -> Status:
        """ECS shows no such task: it is too new, or it stopped more than an hour ago."""
        if not self._shown:
            if time.monotonic() - self._made < MISSING_SECONDS:
                return Status(State.SUBMITTED)
            return lost(seen=False)
        self._missing_since = self._missing_since or time.monotonic()
        if is_over(self._task, self._container):
            return self.status_of(self._task)
        end = self._flow_log.try_end(self._task)
        self._outcome = end.outcome
        if end.outcome and not end.outcome.was_stopped:
            return end.outcome.status()
        if time.monotonic() - self._missing_since < MISSING_SECONDS:
            return diagnose(self._task, self._container)
        if self._is_cancelled:
            return Status(State.CANCELLED, message="The run was cancelled.")
        return lost(seen=True)

    def events(self) -> list[Event]:
        """What ECS says of the task and its containers.

        Raises:
            PlatformError: if AWS can't be asked.
        """
        status = self.look(self.poller.interval)
        return events_of(self.poller.look(self._arn).found or self._task, status)

    # -- log and outcome ----------------------------------------------------------------

    def outcome(self) -> Outcome | None:
        """The record of how the flow ended; None without one, and without a CloudWatch log.

        Raises:
            PlatformError: if the log can't be read.
        """
        if self.status().state.is_final and self._outcome is None:
            self._outcome = self._flow_log.end(self._task).outcome
        return self._outcome

    def logs(self, *, follow: bool = False) -> Iterator[str]:
        """The lines of the flow's log.

        Raises:
            UnsupportedOperation: if the container doesn't log to CloudWatch.
        """
        reader, statuses = self._flow_log.reader(self._task), self.follow()
        while reader is None and follow and next(statuses, None):
            reader = self._flow_log.reader(self._task)
        if reader is None:
            return
        if follow:
            yield from follow_lines(reader, self._is_over, self._has_record)
        else:
            yield from reader.new_lines()

    def result_lines(self, sha256: str) -> list[str]:
        """The lines of the log that carry the flow's result, or its files.

        Args:
            sha256: of which.

        Raises:
            PlatformError: if the log can't be read.
        """
        reader = self._flow_log.reader(self._task)
        return reader.result_lines(self._flow_log.run_id, sha256) if reader else []

    def _is_over(self) -> bool:
        return self.look(self.poller.interval).state.is_final

    def _has_record(self) -> bool:
        return self._outcome is not None

    # -- cancel -------------------------------------------------------------------------

    def cancel(self) -> None:
        """Stop the task, and return when ECS shows that the flow's container has stopped.

        Raises:
            PlatformError: if it hasn't stopped in time.
        """
        if self.look(0.0).state.is_final:
            return
        self._is_cancelled = True
        self._ending.cancel()
        for status in self.follow(STOP_SECONDS):
            if status.state.is_final:
                return
        raise PlatformError(
            f"The task {self._arn} hasn't stopped {STOP_SECONDS:g} seconds after it was told to.",
            hint="Look at it in the ECS console; cancelling again does no harm.",
        )
