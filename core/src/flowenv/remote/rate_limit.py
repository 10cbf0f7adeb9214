"""At most so many calls a second: what a platform's rate limits ask of its clients."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class RateLimit:
    """Calls that wait for their turn, in all threads of this process together.

    Args:
        per_second: how many calls a second, in the long run.
        burst: how many may come at once after a while without any.
        sleep: waits so many seconds.
        clock: the time in seconds.

    >>> limit = RateLimit(per_second=2, burst=2, sleep=print, clock=lambda: 0.0)
    >>> for call in range(4):
    ...     limit.wait()
    0.5
    1.0
    """

    per_second: float
    burst: int = 1
    sleep: Callable[[float], object] = field(default=time.sleep, repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)

    def __post_init__(self) -> None:
        """Check that there is a rate, and begin with a whole burst."""
        if not (self.per_second > 0 and self.burst >= 1):
            raise ValueError("A RateLimit lets calls through: per_second > 0 and burst >= 1.")
        self._next = -float("inf")
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait until the next call may come."""
        with self._lock:
            now = self.clock()
            turn = max(self._next, now - (self.burst - 1) / self.per_second)
            self._next = turn + 1 / self.per_second
        if turn > now:
            self.sleep(turn - now)
