"""A batch as a notebook shows it: by what this process has seen of its runs; nobody is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from flowenv.batches.rows import Row
from flowenv.runs.notebook import state, table, text
from flowenv.states import State, Status

MOST_ROWS = 20
"""The rows that a notebook shows: first those that aren't completed."""


class ShownBatch(Protocol):
    """A batch, as far as a notebook shows it."""

    name: str
    rows: list[Row]

    @property
    def waits(self) -> str:
        """Why no more runs are submitted for now; empty if nothing is in the way."""

    def counts(self) -> Counter[State]:
        """How many runs stand in which state."""


def batch_html(batch: ShownBatch) -> str:
    """A batch as HTML.

    Args:
        batch: the batch.
    """
    counts = batch.counts()
    said = " ".join(f"{counts[one]} {state(Status(one))}" for one in State if counts[one])
    rows = sorted(batch.rows, key=lambda row: row.last_status.state is State.COMPLETED)
    shown, more = rows[:MOST_ROWS], len(rows) - MOST_ROWS
    names = list(dict.fromkeys(name for row in shown for name in row.draft.shown_parameters))
    head = ["row", "state", *names, "message"]
    html = f"<b>{text(batch.name)}</b> {said}"
    if batch.waits:
        html += f"<br>{text(batch.waits)}"
    html += table(head, (_cells(row, names) for row in shown))
    return html + (f"<small>… and {more:,} more</small>" if more > 0 else "")


def _cells(row: Row, names: Sequence[str]) -> list[str]:
    given = row.draft.shown_parameters
    parameters = [text(given.get(name, "")) for name in names]
    return [str(row.number), state(row.last_status), *parameters, text(row.last_status.message)]
