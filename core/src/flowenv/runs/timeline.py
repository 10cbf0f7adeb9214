"""Phases of runs as bars on a line of time, for a run or for many: for texts and pictures. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flowenv.answers.times import Phase

WIDTH = 1000.0
"""The width of a picture in its own units."""
_NARROWEST = 0.01
"""The width that even the shortest phase has: an outline in its own colour makes it visible."""
_STEPS = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    14400,
    43200,
    86400,
)
"""Seconds between two marks on the line of time."""
PHASE_COLOURS = {
    "queued": "#e9e0d2",
    "scheduling": "#98a9b5",
    "pulling": "#6cc0ff",
    "starting": "#9a80e0",
    "installing": "#f090bb",
    "loading": "#ffb03b",
    "clustering": "#918c22",
    "running": "#14a58c",
    "closing": "#d9bba6",
}
"""The phases' colours, in their order: dark text is legible on each, on light and on dark paper,
and people who see few colours tell those apart that can be neighbours."""
OTHER_PHASE = "#8a9499"


@dataclass(frozen=True)
class Bar:
    """A phase in the picture.

    Args:
        phase: its name, which is also its colour's class.
        x: where it begins.
        width: how wide it is; never nothing.
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

    def width_of(self, other: Scale) -> float:
        """How wide the whole of another line of time is on this one."""
        return round(other.seconds / self.seconds * WIDTH, 2)

    def bars(self, phases: Sequence[Phase]) -> Iterator[Bar]:
        """A run's phases as bars."""
        for phase in phases:
            x = self._x(phase.began)
            seconds = phase.seconds(self._now)
            so_far = "" if phase.ended else " so far"
            yield Bar(
                phase.name,
                round(x, 2),
                round(max(self._x(phase.ended or self._now) - x, _NARROWEST), 2),
                f"{phase.name}: {duration(seconds)}{so_far}",
                phase.ended is None,
            )

    def at(self, phases: Sequence[Phase]) -> float:
        """Where a run's phases begin; behind all others, if none is known."""
        return round(self._x(phases[0].began), 2) if phases else WIDTH

    def marks(self, most: int = 8) -> list[Mark]:
        """Round moments on the line of time.

        Args:
            most: how many there may be, besides the beginning.
        """
        step = self._step(most)
        count = int(self.seconds // step)
        return [
            Mark(round(i * step / self.seconds * WIDTH, 2), _label(i * step, step))
            for i in range(count + 1)
        ]

    def apart(self, most: int = 8) -> float:
        """How far two marks are apart.

        Args:
            most: as for the marks.
        """
        return round(self._step(most) / self.seconds * WIDTH, 2)

    def _step(self, most: int) -> float:
        return next((one for one in _STEPS if self.seconds / one <= most), 86400.0 * 7)

    def _x(self, at: datetime.datetime) -> float:
        return (at - self.began).total_seconds() / self.seconds * WIDTH


def in_letters(bar: Bar, columns: int, *, letter: str = "#", still: str = "-") -> str:
    """A bar as text, behind as many spaces as belong there; at least one letter of it.

    Args:
        bar: the bar.
        columns: the width of the whole picture.
        letter: what it is drawn with.
        still: the same for one that goes on.

    >>> in_letters(Bar("running", 500.0, 250.0, ""), 20)
    '          #####'
    """
    begin = min(round(bar.x / WIDTH * columns), columns - 1)
    end = min(max(round((bar.x + bar.width) / WIDTH * columns), begin + 1), columns)
    return " " * begin + (still if bar.is_open else letter) * (end - begin)


def _label(seconds: float, step: float) -> str:
    """What stands at a mark; below a tenth of a second duration would round too much."""
    return f"{seconds * 1000:.0f} ms" if seconds and step < 0.1 else duration(seconds)


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(2.34), duration(5.98), duration(75), duration(7384), duration(200000), duration(0)
    ('2.3 s', '6 s', '1 min 15 s', '2 h 3 min', '2 d 7 h', '0 s')
    """
    if seconds < 59.95:
        return f"{f'{seconds:.1f}'.removesuffix('.0')} s"
    whole = round(seconds)
    for size, name, smaller, of in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {name} {rest} {of}" if rest else f"{whole // size} {name}"
    return f"{whole} s"
