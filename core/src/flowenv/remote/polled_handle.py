"""A base for handles whose runs are asked for together: one question answers for many."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Generic, TypeVar

from flowenv.remote.outages import OUTAGES, Patience
from flowenv.remote.poller import Poller
from flowenv.states import State, Status

T = TypeVar("T")

_PAUSE = 0.5
"""Seconds between two looks of who asks for `latest` all the time."""


class PolledHandle(Generic[T]):
    """A handle on a run that a `Poller` asks for together with all others of this process.

    A subclass says what one look means, `judge`, and has `logs`, `outcome` and `cancel`. `status`,
    `latest` and `follow` are here: they share their calls with the other handles of the poller, ask
    no more often than it allows, and go on while the platform doesn't answer.

    Args:
        poller: asks for the runs; one for each place, shared by its handles.
        reference: the run's name there, as the poller's answers have it.
        found: how the run was seen already, so that the first status needs no call.

    Attributes:
        reference: what `flowenv_attach` needs to find the run again.

    >>> class JobHandle(PolledHandle[str]):
    ...     def judge(self, found: str | None) -> Status:
    ...         return Status(State(found)) if found else Status(State.SUBMITTED)
    >>> def ask(names):
    ...     print(*names)
    ...     return {name: "Completed" for name in names}
    >>> poller = Poller(ask, batch=100)
    >>> handles = [JobHandle(poller, f"job-{n}") for n in range(3)]
    >>> [handle.status().state.value for handle in handles]
    job-0 job-1 job-2
    ['Completed', 'Completed', 'Completed']
    """

    def __init__(self, poller: Poller[T], reference: str, found: T | None = None) -> None:
        self.reference = reference
        self.poller = poller
        self._made = time.monotonic()
        self._seen_at = 0.0
        self._last = Status(State.SUBMITTED)
        self._patience = Patience()
        self._next_look = 0.0
        self._lock = threading.RLock()
        poller.watch(reference, self, found)

    def judge(self, found: T | None) -> Status:
        """What a look at the run means.

        Args:
            found: the run as the poller's answer has it; None if it isn't there.
        """
        raise NotImplementedError("Subclasses say what a look means.")

    def look_after(self, status: Status) -> None:
        """What who follows the run does at each look; nothing, unless overridden."""

    def status(self) -> Status:
        """What is known of the run now; looks by many handles share their calls."""
        return self.look(self.poller.fresh)

    def latest(self) -> Status:
        """How the run stands by a look that is seldom older than the poller's interval.

        In an outage what was known before it, and that there is one.

        Raises:
            PlatformError: if the platform refuses, or hasn't answered for too long.
        """
        if time.monotonic() >= self._next_look:
            try:
                self.look_for_latest()
                self._patience.succeeded()
                pause = _PAUSE
            except OUTAGES as error:
                pause = self._patience.failed(error)
                if self._patience.is_over:
                    raise
            self._next_look = time.monotonic() + pause
        return _told(self._last, self._patience)

    def look_for_latest(self) -> Status:
        """One look for `latest`, which takes care that there aren't too many."""
        return self.look(self.poller.interval)

    def follow(self, timeout: float | None = None) -> Iterator[Status]:
        """The current status, then each change, up to and with the final one.

        Args:
            timeout: seconds after which to stop without a final status; None for never.

        Raises:
            PlatformError: if the platform refuses, or hasn't answered for too long.
        """
        end = None if timeout is None else time.monotonic() + timeout
        shown: Status | None = None
        max_age = self.poller.fresh
        patience = Patience()
        while True:
            try:
                status = self.look(max_age)
                patience.succeeded()
            except OUTAGES as error:
                patience.failed(error)
                if patience.is_over:
                    raise
                status = _told(shown or self._last, patience)
                is_news = bool(patience.outage)
            else:
                self.look_after(status)
                is_news = True
            if is_news and status != shown:
                yield (shown := status)
            if status.state.is_final:
                return
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return
            max_age = self.poller.interval if left is None else min(self.poller.interval, left)
            self.poller.wait(max_age, self.reference, self._seen_at)

    def look(self, max_age: float) -> Status:
        """The status by a look that is at most so old.

        Args:
            max_age: seconds; 0 for a look of one's own.
        """
        if self._last.state.is_final:
            return self._last
        # what was seen before this handle was made doesn't show what was submitted since
        seen = self.poller.look(self.reference, min(max_age, time.monotonic() - self._made))
        with self._lock:
            if not self._last.state.is_final:
                self._seen_at = seen.at
                self._last = self.judge(seen.found)
                if self._last.state.is_final:
                    self.poller.unwatch(self.reference)
            return self._last


def _told(status: Status, patience: Patience) -> Status:
    return replace(status, message=patience.outage, hint="") if patience.outage else status
