"""Many runs in a few lines: how they stand, how long they took, and what went wrong. Pure."""

from __future__ import annotations

import datetime
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from flowenv.reports.contents import RunContents
from flowenv.reports.texts import moment
from flowenv.runs.timeline import duration
from flowenv.states import State, Status

_FIRST_LOOKED_AT = (
    State.CRASHED,
    State.FAILED,
    State.CANCELLED,
    State.RUNNING,
    State.STARTING,
    State.SUBMITTED,
    State.PENDING,
    State.COMPLETED,
)
WRONG = (State.CRASHED, State.FAILED)
_MOST_CAUSES = 20
_MOST_NUMBERS = 12
_MOST_NAMES = 3
"""The flows, and the backends, that are named in the line on all runs."""


@dataclass(frozen=True)
class Cause:
    """Why several runs didn't complete, as one of them says it.

    Args:
        status: how the first of them stands.
        numbers: the runs' places on the page, from 1.
    """

    status: Status
    numbers: list[int] = field(default_factory=list)

    @property
    def shown(self) -> Sequence[int]:
        """The first numbers."""
        return self.numbers[:_MOST_NUMBERS]


def place_of(state: State) -> int:
    """How early a state is looked at: what went wrong first, what is well last.

    >>> place_of(State.FAILED) < place_of(State.RUNNING) < place_of(State.COMPLETED)
    True
    """
    return _FIRST_LOOKED_AT.index(state)


def counted(runs: Sequence[RunContents]) -> list[tuple[State, int]]:
    """How many runs stand in which state, what went wrong first."""
    states = [run.status.state for run in runs]
    return [(one, states.count(one)) for one in _FIRST_LOOKED_AT if one in states]


def causes(runs: Sequence[RunContents]) -> tuple[list[Cause], int]:
    """Why runs failed or crashed, what is the matter with most of them first.

    Messages that differ in their numbers alone are one cause.

    Returns:
        The causes, and how many more there are.
    """
    found: dict[object, Cause] = {}
    for number, run in enumerate(runs, 1):
        status = run.status
        if status.state in WRONG:
            key = status.state, status.reason, re.sub(r"\d+", "0", status.message)
            found.setdefault(key, Cause(status)).numbers.append(number)
    in_order = sorted(found.values(), key=lambda cause: -len(cause.numbers))
    return in_order[:_MOST_CAUSES], max(len(in_order) - _MOST_CAUSES, 0)


def in_a_line(runs: Sequence[RunContents], now: datetime.datetime) -> str:
    """How many runs there are, of what, where, since when, and how long one took."""
    said = f"{len(runs):,} runs"
    for word, names in (
        ("of", [run.flow for run in runs]),
        ("on", [run.fact("backend") for run in runs]),
    ):
        if len(distinct := list(dict.fromkeys(names))) <= _MOST_NAMES:
            said += f" {word} {', '.join(distinct)}"
    if phases := [phase for run in runs for phase in run.phases]:
        began = min(phase.began for phase in phases)
        ended = max(phase.ended or now for phase in phases)
        said += f" in {duration((ended - began).total_seconds())}, from {moment(began)}"
    took = [
        run.seconds(now) or 0.0
        for run in runs
        if run.status.state is State.COMPLETED and run.seconds(now) is not None
    ]
    if took:
        said += f". Those that completed took {duration(statistics.median(took))} (the median)"
        said += f", {duration(max(took))} at most"
    return said + "."
