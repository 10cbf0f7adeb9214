"""The options of `flowenv run` for many runs, and what a batch is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from flowenv.flows.definition import Flow

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
