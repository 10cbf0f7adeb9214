"""`flowenv run --each`: a run for each row of a file, and how all of them go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowenv.cli.following.batch_view import batch_view
from flowenv.cli.following.printed_rows import PrintedRows
from flowenv.cli.following.result_lines import ResultLines
from flowenv.cli.output.printing import echo
from flowenv.wording import counted, shown

if TYPE_CHECKING:
    from flowenv.batches.batch import Batch


def submit_each(batch: Batch, output: str, where: str) -> int:
    """Submit a batch, print the references of its runs, and leave.

    Args:
        batch: the batch, of which nothing is submitted yet.
        output: `json` for a line of JSON for each run.
        where: as for `run_each`.

    Raises:
        UnsupportedOperation: if nobody could pick the runs up again.
    """
    import json

    from flowenv.errors import UnsupportedOperation

    for row in batch.rows[:1]:
        environment = row.draft.environment
        if not (environment.capabilities.attach and environment.capabilities.find):
            raise UnsupportedOperation(
                f"The backend {environment.backend} can't be left: nobody could pick the runs up "
                "again.",
                hint="Run them without --detach.",
            )
    lines = ResultLines()
    with _looked_after(batch, where):
        batch.submit_all()
    for row in batch.rows:
        lines.write(json.dumps(row.to_json()) if output == "json" else shown(str(row.reference)))
    echo("To follow them: the same command without --detach, or", err=True)
    echo(f"flowenv runs --batch {batch.name}{where}", err=True)
    return 0


def run_each(batch: Batch, output: str, where: str) -> int:
    """Submit a batch, show how it goes, and return what the command line exits with.

    Args:
        batch: the batch, of which nothing is submitted yet.
        output: `json` for a line of JSON for each run that is over; `text` for one to read.
        where: the options that name its environment, for the commands that are proposed.
    """
    from flowenv.cli import BUG

    told = PrintedRows(batch, output, where)
    with _looked_after(batch, where, told.print_rest):
        with batch_view(batch) as view:
            for row in batch.follow(on_round=view.show):
                told.print(row, view)
    echo(batch.summary(), err=True)
    if words := _how_to_repeat(batch):
        echo(words, err=True)
    return exit_code(batch, told.lacking) or (BUG if told.lines.are_lost else 0)


@contextmanager
def _looked_after(
    batch: Batch, where: str, rest: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """While the block lasts, an interrupt cancels the batch, and a fault says what goes on.

    Args:
        batch: the batch.
        where: as for `run_each`.
        rest: prints what there is to say after an interrupt.
    """
    from flowenv.batches.earlier_runs import of_others
    from flowenv.errors import FlowenvError

    found = sum(row.is_submitted for row in batch.rows)
    before = f", {found} of them found from before" if found else ""
    try:
        echo(f"Batch {batch.name}: {counted(len(batch), 'run')}{before}.", err=True)
        if words := of_others(batch.rows):
            echo(words, err=True)
        yield
    except KeyboardInterrupt:
        _interrupted(batch, where)
        rest()
        raise
    except FlowenvError as error:
        error.add_hint(_what_goes_on(batch, where))
        raise


def _what_goes_on(batch: Batch, where: str) -> str:
    """After a fault, which says nothing of the runs that are there."""
    from flowenv.batches.going_on import going_on, what_goes_on

    said = what_goes_on(batch)
    if not said or not going_on(batch):
        return ""
    back = f"{said[0].upper()}{said[1:]}. The same command picks the batch up"
    stop = f"; to stop it: flowenv cancel --batch {batch.name}{where}"
    return back + (stop if batch.rows[0].draft.environment.capabilities.find else "")


def _interrupted(batch: Batch, where: str) -> None:
    from flowenv.errors import FlowenvError
    from flowenv.states import State

    counts = batch.counts()
    waiting = counts[State.PENDING]
    going_on = sum(n for state, n in counts.items() if not state.is_final) - waiting
    if going_on:
        not_begun = f"; {waiting} not started" if waiting else ""
        echo(
            f"Cancelling {counted(going_on, 'run')}{not_begun}. Ctrl-C again leaves them.", err=True
        )
    elif not waiting:
        return
    left = f"They may still run: flowenv cancel --batch {batch.name}{where}"
    try:
        batch.cancel()
    except KeyboardInterrupt:
        echo(left, err=True)
        raise
    except FlowenvError as error:
        echo(f"Error: {error}", err=True)
        echo(left, err=True)
    else:
        echo(batch.summary(), err=True)


def _how_to_repeat(batch: Batch) -> str:
    """What to do about runs that failed, and that the same command leaves as they are."""
    from flowenv.batches.rows import is_tried_again

    over = [row.last_status for row in batch.rows if row.is_submitted]
    left = [
        one
        for one in over
        if one.state.is_final and not is_tried_again(one, again=False, only_failed=False)
    ]
    failed = sum(one.state.value in ("Failed", "Crashed") for one in left)
    if not failed or not batch.rows[0].draft.environment.capabilities.find:
        return ""
    those = "that one" if failed == 1 else "those"
    return f"With --only-failed the same command runs {those} once more that didn't complete."


def exit_code(batch: Batch, lacking: int) -> int:
    """What the command line exits with: the worst of what a single run would exit with."""
    from flowenv.cli.output.report import exit_code as of_one

    codes = {of_one(row.last_status) for row in batch.rows}
    return max(codes, default=0) or (4 if lacking else 0)
