"""Submitting many runs, several requests at a time."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from flowenv.batches.rows import Row
from flowenv.errors import FlowenvError
from flowenv.submission.remembering import noted_together

CALLERS = 8
"""How many runs are submitted at a time."""


def submit_all(rows: Iterable[Row], problems: list[FlowenvError]) -> None:
    """Submit rows, until one meets a problem: what holds for one holds for the next one.

    An interrupt waits for what is on its way: only then it is known what there is.

    Args:
        rows: the rows; those that aren't submitted stay as they are.
        problems: what is met is added here.
    """
    pool = ThreadPoolExecutor(CALLERS, thread_name_prefix="flowenv-submit")
    with noted_together() as here:

        def submit(row: Row) -> None:
            if problems:
                return
            try:
                with here():
                    row.submit()
            except FlowenvError as error:
                problems.append(error)

        try:
            for future in [pool.submit(submit, row) for row in rows]:
                future.result()
        finally:
            pool.shutdown(cancel_futures=True)
