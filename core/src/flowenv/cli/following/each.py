"""`flowenv run --each`: a run for each row of a file, and how all of them go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowenv.cli.following.batch_view import BatchView, batch_view
from flowenv.cli.following.result_lines import ResultLines
from flowenv.cli.output.printing import echo
from flowenv.wording import counted, shown

if TYPE_CHECKING:
    from flowenv.batches.batch import Batch
    from flowenv.batches.rows import Row
    from flowenv.flows.definition import Flow
    from flowenv.runs.flow_run import FlowRun

_Command = Callable[..., Any]
_OPTIONS = ("at_once", "batch", "again", "only_failed")


def each_options(command: _Command) -> _Command:
    """The options of `flowenv run` for many runs."""
    options = (
        click.option(
            "--each",
            metavar="FILE",
            type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
            help="A run for each row of a .csv, .jsonl or .parquet file, whose columns are "
            "parameters; - is the standard input. -p then gives parameters to all.",
        ),
        click.option(
            "--at-once",
            type=click.IntRange(min=1),
            metavar="N",
            help="With --each: how many runs at a time.  [default: all; local: one, in this "
            "process, more in processes of their own]",
        ),
        click.option(
            "--batch",
            metavar="NAME",
            help="With --each: the batch's name. The same command again picks up what runs and "
            "submits what is missing.  [default: by the flow and the rows]",
        ),
        click.option("--again", is_flag=True, help="With --each: run all rows once more."),
        click.option(
            "--only-failed",
            is_flag=True,
            help="With --each: run only rows once more that have run and didn't complete.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def check_options(options: dict[str, Any]) -> dict[str, Any]:
    """Take the options that only `--each` has out of a command's.

    Raises:
        UsageError: if one is given without `--each`.
    """
    taken = {name: options.pop(name) for name in _OPTIONS}
    given = [name for name, value in taken.items() if value not in (None, False)]
    if given and options.get("each") is None:
        raise click.UsageError(f"--{given[0].replace('_', '-')} goes with --each FILE.")
    if taken["again"] and taken["only_failed"]:
        raise click.UsageError("--again and --only-failed exclude each other.")
    return {**taken, "each": options.pop("each")}


def default_name(flow: Flow[..., Any], rows: Sequence[dict[str, Any]]) -> str:
    """The name of a batch: the same for the same flow and rows, in any order."""
    import hashlib

    from flowenv.batches.mapping import label_part
    from flowenv.batches.rows import fingerprint_of

    all_of_it = ",".join(sorted(fingerprint_of(flow.name, row) for row in rows))
    return f"{label_part(flow.name)}-{hashlib.sha256(all_of_it.encode()).hexdigest()[:10]}"


def run_each(batch: Batch, output: str, where: str) -> int:
    """Submit a batch, show how it goes, and return what the command line exits with.

    Args:
        batch: the batch, of which nothing is submitted yet.
        output: `json` for a line of JSON for each run that is over; `text` for one to read.
        where: the options that name its environment, for the commands that are proposed.
    """
    from flowenv.batches.earlier_runs import of_others
    from flowenv.cli import BUG
    from flowenv.errors import FlowenvError

    told = _Told(batch, output, where)
    found = f", {len(told.found)} of them found from before" if told.found else ""
    try:
        echo(f"Batch {batch.name}: {counted(len(batch), 'run')}{found}.", err=True)
        if words := of_others(batch.rows):
            echo(words, err=True)
        with batch_view(batch) as view:
            for row in batch.follow(on_round=view.show):
                told.tell(row, view)
    except KeyboardInterrupt:
        _interrupted(batch, where)
        told.tell_rest()
        raise
    except FlowenvError as error:
        error.add_hint(_what_goes_on(batch, where))
        raise
    echo(batch.summary(), err=True)
    return exit_code(batch, told.lacking) or (BUG if told.lines.are_lost else 0)


class _Told:
    """What is printed of the runs of a batch, each as soon as it is over.

    Args:
        batch: the batch, of which nothing is submitted yet.
        output: as for `run_each`.
        where: as for `run_each`.

    Attributes:
        found: the rows whose runs were on the platform before.
        lacking: how many runs left something that didn't come back.
    """

    def __init__(self, batch: Batch, output: str, where: str) -> None:
        self._batch = batch
        self._where = where
        self._output = output
        self._told: set[Row] = set()
        self.found = {row for row in batch.rows if row.is_submitted}
        self._over_before = {row for row in self.found if row.last_status.state.is_final}
        self.lacking = 0
        self.lines = ResultLines()

    def tell(self, row: Row, view: BatchView) -> None:
        """Print how a row's run ended."""
        import json

        from flowenv.cli.output.report import (
            describe,
            describe_end,
            describe_outcome,
            show_traceback,
        )

        data, is_known = row.to_json(), row in self._over_before
        if self._output == "json":  # a script wants the results of all
            described = _described(
                row, describe_end if row.last_status.state.is_final else describe
            )
            data |= {**described, "earlier": row in self.found}
            line = json.dumps(data, default=repr)
        else:
            if not is_known:  # what is shown; for its times each run would be asked once more
                data |= _described(row, describe_outcome)
            line = shown(self._words(row, data, is_earlier=is_known), lines=False)
        with view.aside():
            if not is_known:
                show_traceback(row.run)
            self.lines.write(line)
        self._told.add(row)
        files = data.get("files") or {}
        self.lacking += "result_error" in data or bool(files.get("problem"))

    def tell_rest(self) -> None:
        """After an interrupt: how those stand that nothing is printed of; as text, what is over."""
        for row in self._batch.rows:
            state = row.last_status.state
            is_news = state.is_final and state.value != "Cancelled"  # the others are counted
            if row not in self._told and (is_news or self._output == "json"):
                self.tell(row, BatchView())

    def _words(self, row: Row, data: dict[str, Any], *, is_earlier: bool) -> str:
        from flowenv.cli.output.report import all_of_it, cut

        parameters = " ".join(f"{name}={value}" for name, value in data["parameters"].items())
        text = f"{row.number:>4}  {row.last_status}  {parameters}"
        if is_earlier:
            return f"{text}  (before)" if row.is_own else f"{text}  (before, not from here)"
        if row.last_status.state.value != "Completed":
            is_known = row.run.environment.capabilities.attach and row.reference
            return f"{text}  {row.reference}" if is_known else text
        more = all_of_it(row.run, self._where)
        if "result_error" in data:
            text += f"  Error: {data['result_error']}"
        elif (value := data.get("result_text") or data.get("result")) is not None:
            text += f"  Result: {cut(value if 'result_text' in data else repr(value), more)}"
        if files := data.get("files"):
            text += f"  Files: {files['problem'] or files['where']}"
        return text


def _described(row: Row, describe: Callable[[FlowRun], dict[str, Any]]) -> dict[str, Any]:
    from flowenv.errors import FlowenvError

    try:
        return describe(row.run)
    except FlowenvError as error:  # the platform has forgotten the run meanwhile
        return {"result": None, "result_error": str(error)}


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


def exit_code(batch: Batch, lacking: int) -> int:
    """What the command line exits with: the worst of what a single run would exit with."""
    from flowenv.cli.output.report import exit_code as of_one

    codes = {of_one(row.last_status) for row in batch.rows}
    return max(codes, default=0) or (4 if lacking else 0)
