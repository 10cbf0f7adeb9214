"""The timestamp at the start of each line of a log, as Kubernetes writes it."""

from __future__ import annotations

import datetime
import functools

SECOND = 10**9
"""Nanoseconds."""


def parted(line: str) -> tuple[int | None, str]:
    """A line's timestamp in nanoseconds since the epoch, None if it has none, and its text.

    >>> parted("1970-01-01T00:00:01.5Z hello")
    (1500000000, 'hello')
    >>> parted("hello")
    (None, 'hello')
    """
    stamp, _, rest = line.partition(" ")
    try:
        return nanoseconds(stamp), rest
    except ValueError:
        return None, line


def nanoseconds(stamp: str) -> int:
    """A timestamp of RFC 3339 in nanoseconds since the epoch.

    Raises:
        ValueError: if it is none.
    """
    whole, dot, rest = stamp.partition(".")
    if not dot:
        return _second(stamp) * SECOND
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return _second(whole + rest[digits:]) * SECOND + int(rest[:digits].ljust(9, "0")[:9])


@functools.lru_cache(maxsize=256)
def _second(stamp: str) -> int:
    if len(stamp) < 20:
        raise ValueError(stamp)
    return int(datetime.datetime.fromisoformat(stamp).timestamp())


def written(second: int) -> str:
    """A second since the epoch as Kubernetes reads it: it ignores fractions.

    >>> written(1)
    '1970-01-01T00:00:01Z'
    """
    return datetime.datetime.fromtimestamp(second, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
