"""How long to wait between the tries of a call that AWS may answer later."""

from __future__ import annotations

import random
from collections.abc import Iterator

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
