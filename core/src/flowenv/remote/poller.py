"""How many runs stand, asked for together: one call for all whom this process follows.

Whoever needs to know first asks for all; everybody else reads what came back. There is no thread
of its own.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from flowenv.errors import FlowenvError

T = TypeVar("T")

_SHARE = 4.0
"""How many times as long as a round took what it found serves those who wait. Who looks at
thousands one after the other would else begin a round for each few, were one longer than usual."""
_LONGEST = 30.0
"""The most seconds between two rounds that only the time of the last one asks for."""


@dataclass(frozen=True)
class Seen(Generic[T]):
    """One thing as it was seen.

    Args:
        found: as the platform shows it; None if it isn't there.
        at: when it was asked for, on the monotonic clock.
    """

    found: T | None
    at: float


class Poller(Generic[T]):
    """What is known of many things on a platform, such as the tasks of a cluster.

    Args:
        ask: asks the platform for things of these names; gives what is there by name.
        batch: how many names one call takes; 0 if each call shows all there are.
        interval: seconds between two rounds while somebody waits.
        fresh: seconds; a look that is younger serves everybody who asks for one.
        calls_per_second: at most; rounds that take more calls come less often.

    >>> poller = Poller(lambda names: dict.fromkeys(names, "running"), batch=100)
    >>> poller.look("a").found
    'running'
    """

    def __init__(
        self,
        ask: Callable[[Sequence[str]], Mapping[str, T]],
        *,
        batch: int,
        interval: float = 2.0,
        fresh: float = 0.2,
        calls_per_second: float = 5.0,
    ) -> None:
        self._ask = ask
        self._batch = batch
        self._interval = interval
        self._fresh = fresh
        self._calls_per_second = calls_per_second
        self._news = threading.Condition()
        self._seen: dict[str, Seen[T]] = {}
        self._others: Seen[T] | None = None
        self._watched: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
        self._looking = False
        self._took = 0.0
        self._failed: tuple[float, FlowenvError] | None = None

    def watch(self, name: str, owner: object, found: T | None = None) -> None:
        """Include a thing in the rounds for as long as its owner lives.

        Args:
            name: which.
            owner: who is interested; kept by a weak reference.
            found: what is known of it already.
        """
        with self._news:
            self._watched[name] = owner
            if found is not None:
                self._seen[name] = Seen(found, time.monotonic())

    def unwatch(self, name: str) -> None:
        """Leave a thing out of the rounds: it is over."""
        with self._news:
            self._watched.pop(name, None)
            self._seen.pop(name, None)

    @property
    def interval(self) -> float:
        """Seconds between two rounds: longer when a round takes many calls, or long."""
        calls = math.ceil(max(len(self._watched), 1) / self._batch) if self._batch else 1
        return max(
            self._interval, calls / self._calls_per_second, min(self._took * _SHARE, _LONGEST)
        )

    @property
    def fresh(self) -> float:
        """Seconds; a look that is younger serves everybody who asks for one."""
        return self._fresh

    def look(self, name: str, max_age: float | None = None) -> Seen[T]:
        """What is known of a thing, at most so old.

        Args:
            name: which.
            max_age: seconds; by default `fresh`.

        Raises:
            FlowenvError: what asking the platform raised, also when somebody else asked.
        """
        asked = time.monotonic()
        oldest = asked - (self._fresh if max_age is None else max_age)
        with self._news:
            while True:
                seen = self._seen.get(name, self._others)
                if seen and seen.at >= oldest:
                    return seen
                if self._failed and self._failed[0] >= asked:
                    raise self._failed[1]
                if not self._looking:
                    self._looking = True
                    break
                self._news.wait()
            names = list(dict.fromkeys([name, *self._watched]))
        return self._round(names)[name]

    def wait(self, seconds: float, name: str, after: float) -> None:
        """Wait until there is news of a thing from after that time, or for so many seconds."""

        def is_news() -> bool:
            seen = self._seen.get(name, self._others)
            return seen is not None and seen.at > after

        with self._news:
            self._news.wait_for(is_news, seconds)

    def _round(self, names: list[str]) -> dict[str, Seen[T]]:
        """Ask for all, a batch a call, and tell everybody who waits."""
        at = time.monotonic()
        found: dict[str, Seen[T]] = {}
        try:
            size = self._batch or len(names)
            for start in range(0, len(names), size):
                batch = names[start : start + size]
                there = self._ask(batch)
                found |= {name: Seen(there.get(name), at) for name in (*batch, *there)}
            self._took = time.monotonic() - at
        except FlowenvError as error:
            self._failed = (time.monotonic(), error)
            raise
        finally:
            with self._news:
                self._looking = False
                if found and not self._batch:  # whatever isn't there now is gone
                    self._seen, self._others = found, Seen(None, at)
                else:
                    self._seen |= found
                self._news.notify_all()
        return found
