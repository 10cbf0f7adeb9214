"""All tasks of a rig: found by ARN or id, listed by filters, waited for."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .records import Status, Task, now


class TaskRegistry:
    """Tasks by id. Stopped ones stay visible for `retention` seconds, as on ECS (1 hour)."""

    def __init__(self, retention: float) -> None:
        self.retention = retention
        self._tasks: dict[str, Task] = {}
        self._changed = threading.Condition(threading.RLock())

    @contextmanager
    def changing(self, task: Task) -> Iterator[Task]:
        """Hold the lock while `task` is changed, then wake who waits for a change."""
        with self._changed:
            yield task
            task.version += 1
            self._changed.notify_all()

    def wrote(self, task: Task, lines: int) -> None:
        """Lines of the task have been sent to CloudWatch."""
        with self._changed:
            task.lines_written += lines
            self._changed.notify_all()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold the lock while tasks are read, so that no half-made change is seen."""
        with self._changed:
            yield

    def add(self, task: Task) -> None:
        """Make a new task visible."""
        with self._changed:
            self._tasks[task.id] = task
            self._changed.notify_all()

    def find(self, task: str, cluster: str | None = None) -> Task | None:
        """The task with that ARN or id, if it is in the cluster and still visible."""
        with self._changed:
            found = self._tasks.get(task.rpartition("/")[2])
            if found is None or cluster not in (None, found.cluster) or self._expired(found):
                return None
            return found

    def visible(self) -> list[Task]:
        """All tasks that ECS would still show, oldest first."""
        with self._changed:
            return [task for task in self._tasks.values() if not self._expired(task)]

    def _expired(self, task: Task) -> bool:
        stopped_at = task.times.get("stoppedAt")
        return stopped_at is not None and stopped_at + self.retention <= now()

    def forget_stopped(self) -> None:
        """Let an hour pass: stopped tasks are no longer shown."""
        with self._changed:
            self._tasks = {i: t for i, t in self._tasks.items() if t.status != "STOPPED"}

    def wait(
        self, task: str, until: Status | Callable[[Task], bool] = "STOPPED", timeout: float = 60
    ) -> Task:
        """Wait until a task has a status (or a predicate holds); returns the task.

        Raises LookupError for an unknown task and TimeoutError after `timeout` seconds.
        """
        found = self.find(task)
        if found is None:
            raise LookupError(f"the rig has no task {task}")
        reached = until if callable(until) else lambda t: t.status == until
        deadline = time.monotonic() + timeout
        with self._changed:
            while not reached(found):
                if not self._changed.wait(deadline - time.monotonic()):
                    raise TimeoutError(
                        f"task {found.id} is {found.status} after {timeout} s"
                        f" ({found.stopped_reason or 'no reason'}), waited for {until}"
                    )
        return found
