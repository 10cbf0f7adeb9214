"""The status of many tasks, shared: one DescribeTasks call for up to 100 of them.

Whoever needs news first asks for every task that this process has a handle on; everybody else
reads what came back. There is no thread of its own.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowenv.errors import FlowenvError
from flowenv_fargate.api.client import Aws
from flowenv_fargate.runs.tasks import BATCH, describe_tasks

POLL_SECONDS = 2.0
"""Seconds between two rounds while somebody waits for a run."""
FRESH_SECONDS = 0.2
"""A look that is younger than this serves everybody who asks for a look."""
CALLS_PER_SECOND = 5.0
"""DescribeTasks calls a second at most: rounds that take more of them come less often."""


@dataclass(frozen=True)
class Seen:
    """A task as it was seen.

    Args:
        task: as DescribeTasks shows it; None if it isn't there (`MISSING`).
        at: when it was asked for, on the monotonic clock.
    """

    task: Mapping[str, Any] | None
    at: float


class TaskPoller:
    """What is known of a cluster's tasks.

    Args:
        aws: calls AWS.
        cluster: name or ARN.
    """

    def __init__(self, aws: Aws, cluster: str) -> None:
        self._aws = aws
        self.cluster = cluster
        self._news = threading.Condition()
        self._seen: dict[str, Seen] = {}
        self._watched: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
        self._looking = False
        self._failed: tuple[float, FlowenvError] | None = None

    def watch(self, arn: str, owner: object, task: Mapping[str, Any] | None = None) -> None:
        """Include a task in the rounds for as long as its owner lives.

        Args:
            arn: of the task.
            owner: who is interested; kept by a weak reference.
            task: what is known of it already.
        """
        with self._news:
            self._watched[arn] = owner
            if task is not None:
                self._seen[arn] = Seen(task, time.monotonic())

    def unwatch(self, arn: str) -> None:
        """Leave a task out of the rounds: it is over."""
        with self._news:
            self._watched.pop(arn, None)
            self._seen.pop(arn, None)

    @property
    def interval(self) -> float:
        """Seconds between two rounds: longer when a round takes many calls."""
        calls = math.ceil(max(len(self._watched), 1) / BATCH)
        return max(POLL_SECONDS, calls / CALLS_PER_SECOND)

    def look(self, arn: str, max_age: float | None = None) -> Seen:
        """What is known of a task, at most so old.

        Args:
            arn: of the task.
            max_age: seconds; by default `FRESH_SECONDS`.

        Raises:
            PlatformError: if AWS refuses or doesn't answer.
        """
        asked = time.monotonic()
        oldest = asked - (FRESH_SECONDS if max_age is None else max_age)
        with self._news:
            while True:
                seen = self._seen.get(arn)
                if seen and seen.at >= oldest:
                    return seen
                if self._failed and self._failed[0] >= asked:
                    raise self._failed[1]
                if not self._looking:
                    self._looking = True
                    break
                self._news.wait()
            arns = list(dict.fromkeys([arn, *self._watched]))
        return self._round(arns)[arn]

    def wait(self, seconds: float, arn: str, after: float) -> None:
        """Wait until there is news of a task from after that time, or for so many seconds."""

        def is_news() -> bool:
            seen = self._seen.get(arn)
            return seen is not None and seen.at > after

        with self._news:
            self._news.wait_for(is_news, seconds)

    def _round(self, arns: list[str]) -> dict[str, Seen]:
        """Ask for tasks, a hundred at a time, and tell everybody who waits."""
        at = time.monotonic()
        found: dict[str, Seen] = {}
        try:
            for start in range(0, len(arns), BATCH):
                batch = arns[start : start + BATCH]
                there = {t["taskArn"]: t for t in describe_tasks(self._aws, self.cluster, batch)}
                found |= {arn: Seen(there.get(arn), at) for arn in batch}
        except FlowenvError as error:
            self._failed = (time.monotonic(), error)
            raise
        finally:
            with self._news:
                self._looking = False
                self._seen |= found
                self._news.notify_all()
        return found
