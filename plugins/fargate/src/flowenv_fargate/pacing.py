"""How fast AWS is called: waiting between tries, and staying below known rates."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator

TRIES = 8
"""How often a call is made at most, the first one included."""
FIRST_WAIT, LONGEST_WAIT = 0.3, 8.0
"""Seconds before the second try, and at most; each wait is twice the one before."""


def waits(tries: int | None = None) -> Iterator[float]:
    """Seconds to wait before each further try, with jitter so that runs don't try together.

    Args:
        tries: how often something is tried, the first time included; by default `TRIES`.
    """
    wait = FIRST_WAIT
    for _ in range((tries or TRIES) - 1):
        yield wait * random.uniform(0.5, 1.0)
        wait = min(wait * 2, LONGEST_WAIT)


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
