"""Phases of runs as a picture: bars on a line of time, for a run or for many."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flowenv.runs.times import Phase

WIDTH = 1000.0
"""The width of the picture in its own units."""
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
"""Seconds between two marks on the line of time."""
_MOST_MARKS = 8


@dataclass(frozen=True)
class Bar:
    """A phase in the picture.

    Args:
        phase: its name, which is also its colour's class.
        x: where it begins.
        width: how wide it is; never invisible.
        title: what is said of it.
        is_open: True if it goes on.
    """

    phase: str
    x: float
    width: float
    title: str
    is_open: bool = False


@dataclass(frozen=True)
class Mark:
    """A moment on the line of time.

    Args:
        x: where.
        label: how long after the beginning.
    """

    x: float
    label: str


class Scale:
    """From moments to places in a picture.

    Args:
        runs: the phases of each run that the picture shows.
        now: the moment at which open phases end.
    """

    def __init__(self, runs: Sequence[Sequence[Phase]], now: datetime.datetime) -> None:
        self._now = now
        phases = [phase for one in runs for phase in one]
        self.began = min((phase.began for phase in phases), default=now)
        ended = max((phase.ended or now for phase in phases), default=now)
        self.seconds = max((ended - self.began).total_seconds(), 0.001)

    def bars(self, phases: Sequence[Phase]) -> Iterator[Bar]:
        """A run's phases as bars."""
        for phase in phases:
            x = self._x(phase.began)
            seconds = phase.seconds(self._now)
            so_far = "" if phase.ended else " so far"
            yield Bar(
                phase.name,
                round(x, 2),
                round(max(self._x(phase.ended or self._now) - x, 1.5), 2),
                f"{phase.name}: {duration(seconds)}{so_far}",
                phase.ended is None,
            )

    def marks(self) -> list[Mark]:
        """Round moments on the line of time."""
        step = next((one for one in _STEPS if self.seconds / one <= _MOST_MARKS), 86400 * 7)
        count = int(self.seconds // step)
        return [
            Mark(round(i * step / self.seconds * WIDTH, 2), duration(i * step))
            for i in range(count + 1)
        ]

    def _x(self, at: datetime.datetime) -> float:
        return (at - self.began).total_seconds() / self.seconds * WIDTH


def duration(seconds: float) -> str:
    """A duration for people.

    >>> duration(2.34), duration(75), duration(7260), duration(0)
    ('2.3 s', '1 min 15 s', '2 h 1 min', '0 s')
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds % 1 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
