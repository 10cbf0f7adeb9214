"""Why runs of a batch don't start: each reason is said once, as a batch may have thousands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from flowenv.states import Reason, Status
from flowenv.wording import counted, shown

PATIENCE = 3.0
"""Seconds for which a reason must last to be said: many pass by themselves."""


class StandingRow(Protocol):
    """A row, as far as its run stands somewhere."""

    @property
    def last_status(self) -> Status:
        """How its run stands, as far as is known."""


class Reasons:
    """What of a batch's reasons was said already."""

    def __init__(self) -> None:
        self._since: dict[Reason, float] = {}
        self._said: set[Reason] = set()

    def news(self, rows: Iterable[StandingRow], now: float) -> list[str]:
        """A sentence for each reason that is new.

        Args:
            rows: the batch's rows; nobody is asked.
            now: seconds by any clock.
        """
        found: dict[Reason, list[Status]] = {}
        for row in rows:
            status = row.last_status
            if status.reason is not None and not status.state.is_final:
                found.setdefault(status.reason, []).append(status)
        self._since = {reason: self._since.get(reason, now) for reason in found}
        due = [one for one in found if now - self._since[one] >= PATIENCE and one not in self._said]
        self._said.update(due)
        return [
            f"{counted(len(found[one]), 'run')}, the first of them: {shown(str(found[one][0]))}"
            if len(found[one]) > 1
            else f"1 run: {shown(str(found[one][0]))}"
            for one in due
        ]
