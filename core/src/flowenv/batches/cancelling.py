"""Cancelling many runs, several requests at a time."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from flowenv.errors import FlowenvError
from flowenv.runs.flow_run import FlowRun

CALLERS = 8
"""How many runs are cancelled at a time."""


def cancel_all(runs: Iterable[FlowRun]) -> list[FlowenvError]:
    """Cancel runs, and return when the platform shows that they have stopped.

    Args:
        runs: the runs; those that are over stay as they are.

    Returns:
        What went wrong: runs that may go on. The others are stopped all the same.
    """
    problems = []
    pool = ThreadPoolExecutor(CALLERS, thread_name_prefix="flowenv-cancel")
    try:
        for future in [pool.submit(run.cancel) for run in runs]:
            try:
                future.result()
            except FlowenvError as error:
                problems.append(error)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # a second interrupt doesn't wait
    return problems
