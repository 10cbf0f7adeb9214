"""When what of a run happened, and the phases between: for people, texts and pictures."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from flowenv.states import State

if TYPE_CHECKING:
    from flowenv.results.record.outcome import Outcome

Moment = datetime.datetime | None

_PHASES = {
    "released": "queued",
    "scheduled": "scheduling",
    "pulled": "pulling",
    "started": "starting",
    "installing": "loading",
    "installed": "installing",
    "clustering": "loading",
    "clustered": "clustering",
    "running": "loading",
    "returned": "running",
}
"""What a phase is called that ends with the moment."""
_BEFORE_A_PLACE = ("made", "released")
"""The moments after which it has no place yet."""
_IN_CONTAINER = ("started", "installing", "installed", "clustering", "clustered")
"""The moments from which on the flow's process is there."""


@dataclass(frozen=True)
class Phase:
    """A part of a run's life.

    Args:
        name: `queued`, `scheduling`, `pulling`, `starting`, `installing`, `loading`,
            `clustering`, `running`, `closing`.
        began: when it began, with a time zone.
        ended: when it ended; None while it goes on.
    """

    name: str
    began: datetime.datetime
    ended: Moment = None

    def seconds(self, now: Moment = None) -> float:
        """How long it took, or has taken by now.

        Args:
            now: the moment; by default this one.
        """
        end = self.ended or now or datetime.datetime.now(datetime.UTC)
        return max((end - self.began).total_seconds(), 0.0)

    def to_json(self) -> dict[str, Any]:
        """The phase as plain data."""
        return {
            "name": self.name,
            "began": self.began.isoformat(),
            "ended": self.ended.isoformat() if self.ended else None,
            "seconds": round(self.seconds(), 3),
        }


@dataclass(frozen=True)
class RunTimes:
    """When what of a run happened, as its platform says; None for what isn't known, or not yet.

    All but the last are moments with a time zone. Some platforms count whole seconds.

    Args:
        made: the platform's object was made.
        released: a queue, such as Kueue's, let it go on; only if one held it back.
        scheduled: there was a place for it.
        pulled: its image was there.
        started: the flow's container was started.
        installing: the installation of what the flow requires, and the image lacks, began.
        installed: it ended.
        clustering: the making of a Dask cluster for the run began.
        clustered: its scheduler and the first workers were there.
        running: the flow itself was called; before, Python and what the flow needs was loaded.
        returned: it returned, or raised; after that its cluster was removed, and its results sent.
        ended: the flow's container ended.
        is_held: True while a queue holds it back.

    >>> import datetime
    >>> made = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC)
    >>> later = made + datetime.timedelta(seconds=3)
    >>> times = RunTimes(made, started=later, ended=later + datetime.timedelta(seconds=60))
    >>> [(phase.name, phase.seconds()) for phase in times.phases()]
    [('starting', 3.0), ('running', 60.0)]
    """

    made: Moment = None
    released: Moment = None
    scheduled: Moment = None
    pulled: Moment = None
    started: Moment = None
    installing: Moment = None
    installed: Moment = None
    clustering: Moment = None
    clustered: Moment = None
    running: Moment = None
    returned: Moment = None
    ended: Moment = None
    is_held: bool = False

    def phases(self, *, is_over: bool = False) -> tuple[Phase, ...]:
        """The phases between the moments that are known; the last one is open until the end.

        Args:
            is_over: True for a run that is over, also where nobody knows since when: no phase of
                it is open.

        >>> RunTimes().phases()
        ()
        """
        known = list(self._in_order())
        found = [
            Phase(_name(name, before), began, ended)
            for (before, began), (name, ended) in pairwise(known)
        ]
        if known and not self.ended and not is_over:
            last, began = known[-1]
            is_queued = self.is_held and last in _BEFORE_A_PLACE
            found.append(Phase("queued" if is_queued else _name("ended", last), began))
        return tuple(found)

    def total(self, now: Moment = None) -> float | None:
        """Seconds from the first moment to the end, or to now; None if no moment is known.

        Args:
            now: the moment; by default this one.
        """
        phases = self.phases()
        if not phases:
            return None
        return Phase("", phases[0].began, phases[-1].ended).seconds(now)

    def to_json(self) -> dict[str, Any]:
        """The moments as plain data."""
        return {name: at.isoformat() if at else None for name, at in self._moments()}

    def _moments(self) -> list[tuple[str, Moment]]:
        names = (one.name for one in dataclasses.fields(self) if one.name != "is_held")
        return [(name, getattr(self, name)) for name in names]

    def _in_order(self) -> Iterator[tuple[str, datetime.datetime]]:
        """The moments that are known; several clocks, and whole seconds, turn none back."""
        last: Moment = None
        for name, at in self._moments():
            if at is not None:
                last = max(at, last or at)
                yield name, last


def _name(ends_with: str, begins_with: str) -> str:
    in_container = begins_with in _IN_CONTAINER
    if ends_with != "ended":
        return _PHASES[ends_with] if ends_with != "running" or in_container else "starting"
    if begins_with == "returned":
        return "closing"
    if begins_with in ("installing", "clustering"):
        return begins_with
    if in_container or begins_with == "running":
        return "running"
    return "scheduling" if begins_with in _BEFORE_A_PLACE else "starting"


def times_seen(
    seen: Sequence[tuple[State, datetime.datetime]], record: Outcome | None = None
) -> RunTimes:
    """The times of a run as the process that submitted it has seen them.

    Args:
        seen: each state, and when it was there first.
        record: what a flow that runs here says of itself; it counts if it has made a Dask cluster.
    """
    at = dict(seen)
    ended = next((when for state, when in seen if state.is_final), None)
    if record and record.clustered:
        clustering, clustered = record.clustering
        return RunTimes(
            at.get(State.PENDING),
            clustering=clustering,
            clustered=clustered,
            running=record.began,
            returned=record.returned,
            ended=ended,
        )
    return RunTimes(
        at.get(State.PENDING),
        scheduled=at.get(State.STARTING),
        running=at.get(State.RUNNING),
        ended=ended,
    )
