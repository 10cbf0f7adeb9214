"""When a call to a platform is tried again, and after how long."""

from __future__ import annotations

import datetime
import email.utils
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from flowenv.remote.rate_limit import RateLimit

T = TypeVar("T")


@dataclass(eq=False)
class TryAgain(Exception):
    """What an attempt raises when the same attempt may succeed a little later.

    Args:
        error: what the caller gets when it was tried often enough.
        after: the `Retry-After` header of the answer.
        tries: how often at most, the first time included; by default `Retries.tries`.
        renew: gets fresh credentials. Then it is tried once more at once, and never twice.
    """

    error: Exception
    after: str | None = None
    tries: int | None = None
    renew: Callable[[], object] | None = None


@dataclass(frozen=True)
class Retries:
    """How often and how long something is tried again: exponential back-off with jitter.

    Args:
        tries: how often at most, the first time included.
        first: seconds before the second try; doubled for each further one.
        longest: the most seconds between two tries, whatever `Retry-After` says.
        draw: gives a random number from 0 to 1.
        sleep: waits so many seconds.
        limit: which each try waits for, so that there are no more calls a second than it says.

    >>> answers = iter(["busy", "busy", "done"])
    >>> def ask() -> str:
    ...     if (answer := next(answers)) == "busy":
    ...         raise TryAgain(RuntimeError(answer), after="2")
    ...     return answer
    >>> Retries(sleep=print).call(ask)
    2.0
    2.0
    'done'
    """

    tries: int = 6
    first: float = 0.2
    longest: float = 30.0
    draw: Callable[[], float] = field(default=random.SystemRandom().random, repr=False)
    sleep: Callable[[float], object] = field(default=time.sleep, repr=False)
    limit: RateLimit | None = None

    def call(self, attempt: Callable[[], T]) -> T:
        """What an attempt gives, tried again for as long as it raises `TryAgain`.

        Raises:
            Exception: the last `TryAgain`'s error; anything else that the attempt raises.
        """
        tried, is_renewed = 0, False
        while True:
            tried += 1
            if self.limit:
                self.limit.wait()
            try:
                return attempt()
            except TryAgain as again:
                if again.renew and not is_renewed:
                    is_renewed = True
                    again.renew()
                elif again.renew or tried >= (again.tries or self.tries):
                    raise again.error from again.__cause__
                else:
                    self.sleep(self.pause(tried, again.after))

    def pause(self, tried: int, after: str | None = None) -> float:
        """Seconds to wait before the next try.

        Args:
            tried: how often it was tried.
            after: the answer's `Retry-After` header; the pause is never shorter.

        >>> [round(Retries(draw=lambda: 1.0).pause(n), 2) for n in (1, 2, 3)]
        [0.2, 0.4, 0.8]
        """
        backoff = min(self.first * 2.0 ** min(tried - 1, 64), self.longest)
        # half of it is drawn, so that many clients don't come back together
        return min(max(backoff * (0.5 + self.draw() / 2), seconds_of(after)), self.longest)


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
    except (ValueError, OverflowError):
        return 0.0
    if moment.tzinfo is None:  # the zone "-0000"
        moment = moment.replace(tzinfo=datetime.UTC)
    return max((moment - datetime.datetime.now(datetime.UTC)).total_seconds(), 0.0)
