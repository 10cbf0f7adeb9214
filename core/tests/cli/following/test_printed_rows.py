"""Of a batch that is picked up: whose results are read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flowenv.cli.following import printed_rows
from flowenv.cli.following.printed_rows import PrintedRows
from flowenv.states import State, Status


def test_the_results_of_the_first_runs_that_were_over_before_are_read() -> None:
    completed, failed = Status(State.COMPLETED), Status(State.FAILED)
    rows: list[Any] = [Row(failed), *(Row(completed) for _ in range(30)), Row(completed, new=True)]
    printed = PrintedRows(SimpleNamespace(rows=rows), "text", "")  # type: ignore[arg-type]
    read = [printed.is_read(row) for row in rows]
    assert read == [False, *[True] * printed_rows.MOST_READ, *[False] * 10, True]


class Row:
    """A row, whose run was there before or not."""

    def __init__(self, status: Status, *, new: bool = False) -> None:
        self.last_status, self.is_submitted = status, not new
