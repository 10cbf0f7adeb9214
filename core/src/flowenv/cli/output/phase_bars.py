"""A run's phases as lines of text: when each began, how long it took, and a bar in its place."""

from __future__ import annotations

import datetime
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowenv.answers.times import Phase

_BARS = ("█", "░")
_ASCII_BARS = ("#", "-")
_COLUMNS = 80
"""The width where there is no terminal, or none that says its own."""
_FEWEST, _MOST = 10, 100
"""The columns of the bars: with fewer they say nothing and are left out, more are no better."""


def phase_lines(phases: Sequence[Phase]) -> list[str]:
    """A line for each phase, as wide as the terminal.

    Args:
        phases: a run's, in their order.
    """
    from flowenv.runs.timeline import Scale, duration, in_letters

    now = datetime.datetime.now(datetime.UTC)
    letter, still = _letters()
    took = [duration(one.seconds(now)) + ("" if one.ended else " so far") for one in phases]
    widest = max(map(len, took), default=0)
    lines = []
    for one, bar, said in zip(phases, Scale([phases], now).bars(phases), took, strict=True):
        began = one.began.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
        line = f"{one.name:<11} {began} UTC  {said:<{widest}}"
        room = min(shutil.get_terminal_size((_COLUMNS, 0)).columns - len(line) - 2, _MOST)
        if room >= _FEWEST:
            line += "  " + in_letters(bar, room, letter=letter, still=still)
        lines.append(line.rstrip())
    return lines


def _letters() -> tuple[str, str]:
    """What bars are drawn with: of ASCII where the output knows nothing else."""
    try:
        "".join(_BARS).encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return _ASCII_BARS
    return _BARS
