"""The flow's log in CloudWatch: pages, back-off, and the last lines that come late."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowenv.errors import UnsupportedOperation
from flowenv.plugin import OUTAGES, Patience, first_line_of, is_outcome_line, without_lines
from flowenv_fargate.api.client import Aws
from flowenv_fargate.api.refusals import AwsRefused, Kind

POLL_SECONDS = 1.0
"""Seconds between two looks at a log that has nothing new; grows to five times that."""
DRAIN_SECONDS = 10.0
"""Seconds after a container's end for which lines may still come in."""
LATE_SECONDS = 60.0
"""Seconds after a container's end for which a record that must be there may still come in."""
_TAIL = 100
_RESULT_PAGES = 60
"""Pages, of 1 MB or 10,000 lines, among which a result is looked for, empty ones included."""


@dataclass(frozen=True)
class LogPlace:
    """Where a container's log is.

    Args:
        group: the log group.
        stream: the log stream.
        region: of the log; None for the task's own.
    """

    group: str
    stream: str
    region: str | None

    @classmethod
    def of(
        cls, container: Mapping[str, Any], task_arn: str, runtime_id: str | None
    ) -> LogPlace | None:
        """The place of a defined container's log; None if it isn't in CloudWatch.

        Args:
            container: its definition.
            task_arn: of the task it runs in.
            runtime_id: of the container, which names the stream where there is no prefix.
        """
        logs = container.get("logConfiguration") or {}
        options = logs.get("options") or {}
        if logs.get("logDriver") != "awslogs" or not options.get("awslogs-group"):
            return None
        prefix = options.get("awslogs-stream-prefix")
        task_id = task_arn.rpartition("/")[2]
        stream = f"{prefix}/{container['name']}/{task_id}" if prefix else runtime_id or ""
        return cls(options["awslogs-group"], stream, options.get("awslogs-region"))


def no_logs() -> UnsupportedOperation:
    """The error for a container that doesn't log to CloudWatch."""
    return UnsupportedOperation(
        "This run's container doesn't log to CloudWatch, so its log can't be read and its outcome "
        "is only known by its exit code.",
        hint="Pass executionRoleArn, or give the container a logConfiguration with awslogs.",
    )


@dataclass
class LogReader:
    """Reads one log stream from its beginning, each line once.

    Args:
        aws: calls AWS.
        place: where the log is.
    """

    aws: Aws
    place: LogPlace
    _token: str | None = field(default=None, init=False)

    def new_lines(self) -> Iterator[str]:
        """All lines that have come since the last time.

        An empty page isn't the end: the end is where the token stays the same.
        """
        while True:
            answer = self._page({"startFromHead": True, "nextToken": self._token})
            if answer is None:
                return
            for event in answer.get("events") or []:
                yield from str(event.get("message", "")).rstrip("\n").split("\n")
            token = answer.get("nextForwardToken")
            if token is None or token == self._token:
                return
            self._token = token

    def tail(self) -> str | None:
        """The last lines; an empty text if there are none, None if there is no such log."""
        token: str | None = None
        lines: list[str] = []
        while True:
            wanted = {"startFromHead": False, "limit": _TAIL, "nextToken": token}
            answer = self._page(wanted)
            if answer is None:
                return None
            events = answer.get("events") or []
            lines = [str(event.get("message", "")) for event in events] + lines
            before, token = token, answer.get("nextBackwardToken")
            # a page may be empty although there is more before it
            if lines or token is None or token == before:
                return "\n".join(lines)

    def result_lines(self, run_id: str, sha256: str) -> list[str]:
        """The lines that carry a run's result or files, which are among the last ones.

        Args:
            run_id: the run.
            sha256: of what is looked for.
        """
        first = first_line_of(run_id, sha256)
        found: list[str] = []
        token: str | None = None
        for _ in range(_RESULT_PAGES):
            answer = self._page({"startFromHead": False, "nextToken": token})
            if answer is None:
                break
            lines = [str(event.get("message", "")) for event in answer.get("events") or []]
            page: list[str] = []
            for _ in without_lines(lines, run_id, page):
                pass
            found = page + found
            before, token = token, answer.get("nextBackwardToken")
            if token is None or token == before or any(first in line for line in found):
                break
        return found

    def _page(self, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
        """One page; None if the stream isn't there, as in a task's first half minute."""
        place = self.place
        if not place.stream:
            return None
        parameters = {"logGroupName": place.group, "logStreamName": place.stream, **wanted}
        parameters = {name: value for name, value in parameters.items() if value is not None}
        try:
            return self.aws.call("logs", "GetLogEvents", parameters, region=place.region)
        except AwsRefused as error:
            if error.refusal.kind is Kind.ABSENT:
                return None
            raise


def follow_lines(
    reader: LogReader, is_over: Callable[[], bool], ends_with_record: Callable[[], bool]
) -> Iterator[str]:
    """The lines of a log as they come, up to the run's end and what comes late.

    Args:
        reader: of the flow's log.
        is_over: whether the run is over; asked when nothing new has come.
        ends_with_record: whether the log of the run that is over has a record; that is its end.
    """
    deadline: float | None = None
    pause, recorded = POLL_SECONDS, False
    patience = Patience(late="The log")
    while True:
        any_new = False
        try:
            for line in reader.new_lines():
                any_new, recorded = True, recorded or is_outcome_line(line)
                yield line
            if deadline is None and is_over():
                deadline = time.monotonic() + (DRAIN_SECONDS if ends_with_record() else 0.0)
                continue  # what came between the last page and the end
            patience.succeeded()
        except OUTAGES as error:
            time.sleep(patience.failed(error))
            if patience.is_over:
                raise
            continue
        if deadline is not None and (recorded or time.monotonic() >= deadline):
            return
        pause = POLL_SECONDS if any_new else min(pause * 1.5, POLL_SECONDS * 5)
        time.sleep(pause)
