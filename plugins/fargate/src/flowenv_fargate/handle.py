"""The handle on one run: its status, log and outcome, and a way to stop it."""

from __future__ import annotations

import datetime
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from flowenv.errors import (
    FlowenvError,
    PlatformError,
    PlatformUnreachable,
    TransientPlatformError,
)
from flowenv.outcome import Outcome
from flowenv.states import State, Status
from flowenv_fargate import pacing, payloads
from flowenv_fargate.account import Account
from flowenv_fargate.board import Board
from flowenv_fargate.diagnosis import (
    CANCEL_REASON,
    DEADLINE_MARK,
    container_of,
    diagnose,
    is_over,
    lost,
    may_have_record,
)
from flowenv_fargate.logs import NO_LOGS, LogPlace, LogReader, follow_lines, read_outcome
from flowenv_fargate.refusals import AwsRefused, Kind

_log = logging.getLogger("flowenv.fargate")

MISSING_SECONDS = 60.0
"""Seconds after RunTask for which DescribeTasks may not know a task yet."""
OUTAGE_SECONDS = 600.0
"""Seconds for which following a run bears that AWS doesn't answer."""
STOP_SECONDS = 180.0
"""Seconds within which a stopped task must have stopped: the longest stopTimeout and a minute."""


class TaskHandle:
    """A handle on one task.

    Args:
        account: whose task it is.
        cluster: of the task, by name or ARN.
        arn: of the task.
        run_id: the run.
        container: the name of the flow's container.
        start_timeout: seconds within which the task must run.
        payload_url: where the payload is, if it is in S3.
        task: what is known of the task already.
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
        task: Mapping[str, Any] | None = None,
    ) -> None:
        self._account = account
        self._aws = account.aws
        self._board: Board = account.board(cluster)
        self._cluster = cluster
        self._arn = arn
        self._run_id = run_id
        self._container = container
        self._start_timeout = start_timeout
        self._payload_url = payload_url
        self._made = time.monotonic()
        self._task: Mapping[str, Any] | None = task
        self._shown = False  # by DescribeTasks, not only in RunTask's answer
        self._seen_at = 0.0
        self._final: Status | None = None
        self._outcome: Outcome | None = None
        self._lock = threading.RLock()
        self._board.watch(arn, self, task)

    @property
    def reference(self) -> str:
        """The task's ARN."""
        return self._arn

    # -- status -------------------------------------------------------------------------

    def status(self) -> Status:
        """What is known of the run now; looks by many handles share their calls."""
        return self._look(None)

    def follow(self, timeout: float | None = None) -> Iterator[Status]:
        """The current status, then each change, up to and with the final one."""
        deadline = None if timeout is None else time.monotonic() + timeout
        status, shown = self.status(), None
        failing_since: float | None = None
        while True:
            if status != shown:
                shown = status
                yield status
            if status.state.is_final:
                return
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return
            interval = self._board.interval
            pause = interval if left is None else min(interval, left)
            self._board.wait(pause, self._arn, self._seen_at)
            try:
                status = self._look(pause)
                failing_since = None
            except (TransientPlatformError, PlatformUnreachable):
                failing_since = failing_since or time.monotonic()
                if time.monotonic() - failing_since > OUTAGE_SECONDS:
                    raise

    def _look(self, max_age: float | None) -> Status:
        if self._final is not None:
            return self._final
        seen = self._board.look(self._arn, max_age)
        with self._lock:
            if self._final is not None:
                return self._final
            self._seen_at = seen.at
            if seen.task is None:
                status = self._missing()
            else:
                self._shown = self._shown or seen.at > self._made
                self._task = seen.task
                status = self.judge(seen.task)
            if status.state.is_final:
                self._end(status)
            return status

    def judge(self, task: Mapping[str, Any]) -> Status:
        """The status that a look at the task means; a task that is over has its log read."""
        if not is_over(task, self._container):
            status = diagnose(task, self._container)
            if status.state is State.STARTING:
                self._enforce_deadline(task)
            return status
        outcome, last_lines = self._record(task)
        self._outcome = outcome
        return diagnose(task, self._container, outcome, last_lines)

    def _missing(self) -> Status:
        """ECS shows no such task: it is too new, or it stopped more than an hour ago."""
        if not self._shown:
            if time.monotonic() - self._made < MISSING_SECONDS:
                return Status(State.SUBMITTED)
            return lost(seen=False)
        outcome, _ = self._record(self._task or {}, over=True)
        self._outcome = outcome
        return outcome.status() if outcome else lost(seen=True)

    def _enforce_deadline(self, task: Mapping[str, Any]) -> None:
        """Stop a task that should run by now; the next look says so."""
        created = task.get("createdAt")
        if not isinstance(created, datetime.datetime):
            return
        waited = (datetime.datetime.now(datetime.UTC) - created).total_seconds()
        if waited > self._start_timeout and task.get("desiredStatus") != "STOPPED":
            reason = f"{DEADLINE_MARK} {self._start_timeout:g} seconds ({task['lastStatus']})"
            self._stop(reason)

    def _end(self, status: Status) -> None:
        self._final = status
        self._board.unwatch(self._arn)
        if self._payload_url:
            try:
                payloads.remove(self._aws, self._payload_url)
            except FlowenvError as error:
                _log.warning("The payload %s can't be removed: %s", self._payload_url, error)

    # -- log and outcome ----------------------------------------------------------------

    def outcome(self) -> Outcome | None:
        """The record of how the flow ended; None without one, and without a CloudWatch log."""
        self.status()
        return self._outcome

    def logs(self, *, follow: bool = False) -> Iterator[str]:
        """The lines of the flow's log.

        Raises:
            UnsupportedOperation: if the container doesn't log to CloudWatch.
        """
        if self._task is None:
            self.status()
        reader = self._reader(wait=follow)
        if follow:
            yield from follow_lines(reader, self._is_over, self._may_have_record)
        else:
            yield from reader.new_lines()

    def _is_over(self) -> bool:
        return self._look(self._board.interval).state.is_final

    def _may_have_record(self) -> bool:
        return self._task is not None and may_have_record(self._task, self._container)

    def _record(self, task: Mapping[str, Any], *, over: bool = False) -> tuple[Outcome | None, str]:
        """The run's record and last lines, as far as there is a log that can be read.

        Args:
            task: as it was last seen.
            over: True if it has ended since then.
        """
        place = self._place(task)
        ended = over or container_of(task, self._container).get("exitCode") is not None
        if place is None or not ended:
            return None, ""
        wait = may_have_record(task, self._container)
        reader = LogReader(self._aws, place)
        try:
            return read_outcome(reader, self._run_id, wait=wait)
        except PlatformError as error:
            _log.warning("The log of the run %s can't be read: %s", self._run_id, error)
            return None, ""

    def _reader(self, *, wait: bool) -> LogReader:
        """A reader of the flow's log.

        Args:
            wait: for the container's id, which names a stream that has no prefix.
        """
        statuses = self.follow()
        while True:
            place = self._place(self._task or {})
            if place is None:
                raise NO_LOGS
            if place.stream or not wait or next(statuses, None) is None:
                return LogReader(self._aws, place)

    def _place(self, task: Mapping[str, Any]) -> LogPlace | None:
        arn = task.get("taskDefinitionArn")
        if not arn:
            return None
        definition = self._account.definitions.revision(str(arn))
        containers = {c["name"]: c for c in definition.get("containerDefinitions") or []}
        runtime_id = container_of(task, self._container).get("runtimeId")
        found = containers.get(self._container)
        return LogPlace.of(found, self._arn, runtime_id) if found else None

    # -- cancel -------------------------------------------------------------------------

    def cancel(self) -> None:
        """Stop the task, and return when ECS shows that the flow's container has stopped.

        Raises:
            PlatformError: if it hasn't stopped in time.
        """
        if self._look(0).state.is_final:
            return
        waits = pacing.waits()
        while not self._stop(CANCEL_REASON):  # a task can be too new to be known
            time.sleep(next(waits, None) or self._not_there())
        for status in self.follow(STOP_SECONDS):
            if status.state.is_final:
                return
        raise PlatformError(
            f"The task {self._arn} hasn't stopped {STOP_SECONDS:g} seconds after it was told to.",
            hint="Look at it in the ECS console; cancelling again does no harm.",
        )

    def _not_there(self) -> float:
        raise PlatformError(f"ECS knows no task {self._arn} that could be stopped.")

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
