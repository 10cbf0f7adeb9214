"""How a run stands, for who looks at it again and again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from flowenv.plugin import OUTAGES, Patience, State, Status

PAUSE = 0.5
"""Seconds between two looks; what is looked at is shared with others and may be older."""


class Latest:
    """Looks seldom enough, and bears outages as who follows a run does.

    Args:
        look: one look.
    """

    def __init__(self, look: Callable[[], Status]) -> None:
        self._look = look
        self._status = Status(State.SUBMITTED)
        self._patience = Patience()
        self._next = 0.0

    def status(self) -> Status:
        """The status; in an outage what was known before it, and that there is one.

        Raises:
            PlatformError: if AWS refuses, or hasn't answered for too long.
        """
        if time.monotonic() >= self._next:
            try:
                self._status, pause = self._look(), PAUSE
                self._patience.succeeded()
            except OUTAGES as error:
                pause = self._patience.failed(error)
                if self._patience.is_over:
                    raise
            self._next = time.monotonic() + pause
        if self._patience.outage:
            return replace(self._status, message=self._patience.outage, hint="")
        return self._status
