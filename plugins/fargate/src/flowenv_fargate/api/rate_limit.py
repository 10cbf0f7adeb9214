"""Staying below the rates of calls that AWS is known to take."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Rate:
    """A token bucket: so many calls at once, then so many a second.

    Args:
        burst: calls that may be made at once.
        per_second: calls a second after that.
        clock: seconds, only ever growing.
    """

    def __init__(
        self,
        burst: float,
        per_second: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self.burst = burst
        self.per_second = per_second
        self._tokens = burst
        self._at = clock()
        self._lock = threading.Lock()

    def take(self) -> None:
        """Wait until one more call may be made."""
        if wait := self.reserve():
            time.sleep(wait)

    def reserve(self) -> float:
        """Take a token, of the future if need be; the seconds until it is there."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self.per_second)
            self._at = now
            self._tokens -= 1
            return max(0.0, -self._tokens / self.per_second)
