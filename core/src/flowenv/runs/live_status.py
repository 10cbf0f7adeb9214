"""How a run stands now, for who looks at it often: without a request for each look."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from flowenv.states import Status

INTERVAL = 1.0
"""Seconds between two looks of a backend that can only be asked."""


class AskedForLatest(Protocol):
    """A handle, as far as it is asked here."""

    def latest(self) -> Status | None:
        """What the backend's own watch says; None if the backend has none."""

    def status(self) -> Status:
        """What is known of the run now."""


class LiveStatus:
    """Looks at one run's platform, not more often than it has to. May be used by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = threading.Lock()
        self._next = 0.0
        self._others = 0

    def look(self, asked: Callable[[], AskedForLatest]) -> Status | None:
        """What the platform says; None if what was seen last is as good.

        Args:
            asked: gives the run's handle.
        """
        if self._others or not self._lock.acquire(blocking=False):
            return None  # what another thread hears is as new
        try:
            handle = asked()
            if (status := handle.latest()) is not None:
                return status
            now = time.monotonic()
            if now < self._next:
                return None
            self._next = now + INTERVAL
            return handle.status()
        finally:
            self._lock.release()

    @contextmanager
    def kept_by_another(self) -> Iterator[None]:
        """In the block somebody waits for news, so that nobody else has to look."""
        with self._count:
            self._others += 1
        try:
            yield
        finally:
            with self._count:
                self._others -= 1
