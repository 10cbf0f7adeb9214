"""What is noted of many runs at once: written together, some at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from flowenv.journal.store import Change

INTERVAL = 0.05
"""Seconds between two writes: to open the file for each run takes longer than to write it."""


class Gathering:
    """Changes that wait to be written; may be used by many threads.

    Args:
        write: writes some.
    """

    def __init__(self, write: Callable[[Sequence[tuple[str, Change]]], object]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._changes: list[tuple[str, Change]] = []
        self._due = time.monotonic() + INTERVAL

    def add(self, run_id: str, change: Change) -> None:
        """Add a change, and write all if the last write is some time ago."""
        with self._lock:
            self._changes.append((run_id, change))
            is_due = time.monotonic() >= self._due
        if is_due:
            self.write()

    def write(self) -> None:
        """Write what waits."""
        with self._lock:
            changes, self._changes = self._changes, []
            self._due = time.monotonic() + INTERVAL
        if changes:
            self._write(changes)
