"""The work queue of a controller: each object once, however much has happened to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rigs.kubernetes.store import Key


class WorkQueue:
    """Calls a function for each key that was added, soon, and once for many additions.

    Args:
        loop: where it is called.
        work: what is called.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Callable[[Key], None]) -> None:
        self._loop = loop
        self._work = work
        self._keys: dict[Key, None] = {}
        self._is_due = False

    def add(self, key: Key) -> None:
        """Have a key worked on soon."""
        self._keys[key] = None
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        keys, self._keys, self._is_due = list(self._keys), {}, False
        for key in keys:
            self._work(key)
