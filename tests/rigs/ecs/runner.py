"""What brings tasks to life: the interface, and what the runners of this rig share."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from .records import Status, Task


class Runner(Protocol):
    """Carries tasks through their states."""

    def start(self, task: Task) -> None:
        """RunTask has made the task."""

    def stop(self, task: Task) -> None:
        """The task's desired status has become STOPPED."""

    def kill_for_memory(self, task: Task) -> None:
        """The first container used more memory than it may."""

    def described(self, task: Task) -> None:
        """DescribeTasks is about to show the task."""

    def close(self) -> None:
        """The rig ends: leave nothing behind."""


_ON_THE_WAY_DOWN = ("DEACTIVATING", "STOPPING", "DEPROVISIONING")


class Holds:
    """States in which tasks stay for as long as a test wants to look at them."""

    def __init__(self) -> None:
        self._held: list[Status] = []
        self._closed = False
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, status: Status) -> Iterator[None]:
        """Tasks that reach `status` stay there until the block ends.

        A task that is on its way up and shall stop is let go, as ECS does.
        """
        with self._changed:
            self._held.append(status)
        try:
            yield
        finally:
            with self._changed:
                self._held.remove(status)
                self._changed.notify_all()

    def wait(self, task: Task) -> None:
        """Return when the task's state is no longer held."""
        with self._changed:
            self._changed.wait_for(lambda: not self._holds(task))

    def wake(self) -> None:
        """Look again: a task's desired status has changed."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Hold nothing any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _holds(self, task: Task) -> bool:
        if self._closed or task.status not in self._held:
            return False
        return task.status in _ON_THE_WAY_DOWN or task.desired_status == "RUNNING"
