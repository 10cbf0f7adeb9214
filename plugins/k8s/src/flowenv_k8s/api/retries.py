"""When a request is tried again, and after how long."""

from __future__ import annotations

import datetime
import email.utils
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

RETRIED = frozenset({429, 500, 502, 503, 504})
"""HTTP statuses after which the same request may succeed."""


@dataclass(frozen=True)
class Retries:
    """How often and how long a request is tried again: exponential back-off with jitter.

    Args:
        attempts: tries in all, after answers that say to come back later.
        connections: tries in all, when there is no answer.
        base: seconds before the second try; doubled for each further one.
        longest: the most seconds between two tries, whatever `Retry-After` says.
        draw: gives a random number from 0 to 1.
        sleep: waits so many seconds.

    >>> [round(Retries(draw=lambda: 1.0).pause(n), 2) for n in (1, 2, 3)]
    [0.2, 0.4, 0.8]
    """

    attempts: int = 6
    connections: int = 3
    base: float = 0.2
    longest: float = 30.0
    draw: Callable[[], float] = field(default=random.random, repr=False)
    sleep: Callable[[float], object] = field(default=time.sleep, repr=False)

    def pause(self, tried: int, retry_after: str | None = None) -> float:
        """Seconds to wait before the next try.

        Args:
            tried: how often it was tried.
            retry_after: the header of the answer; the pause is never shorter.
        """
        # half of it is drawn, so that many clients don't come back together
        backoff: float = self.base * 2 ** (tried - 1) * (0.5 + self.draw() / 2)
        return min(max(backoff, seconds_of(retry_after)), self.longest)


def seconds_of(retry_after: str | None) -> float:
    """A `Retry-After` header in seconds; 0 if there is none that can be read.

    >>> seconds_of("3"), seconds_of("soon"), seconds_of(None)
    (3.0, 0.0, 0.0)
    """
    if not retry_after:
        return 0.0
    try:
        return max(float(retry_after), 0.0)
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    return max((moment - datetime.datetime.now(datetime.UTC)).total_seconds(), 0.0)
