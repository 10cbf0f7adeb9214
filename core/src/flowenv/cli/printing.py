"""What commands print: lines, JSON, and tables of aligned columns; nothing in them can act."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TextIO

import click

from flowenv.wording import shown

_COLOUR = r"\x1b\[[0-9;]*m"


def results() -> TextIO | None:
    """The stream for a command's results; None outside of one that has any."""
    from flowenv.cli.stdout import RESULTS

    context = click.get_current_context(silent=True)
    return context.meta.get(RESULTS) if context else None


def echo(text: object = "", *, file: TextIO | None = None, err: bool = False) -> None:
    """Print lines in which what others wrote is shown, not done.

    Args:
        text: what to print.
        file: where to; by default the standard output.
        err: True for the standard error.
    """
    click.echo(shown(str(text)), file=file, err=err)


def log_line(line: str) -> str:
    """A line of a flow's log as it may be shown: without colours, all else that acts escaped."""
    import re

    return shown(re.sub(_COLOUR, "", line) if "\x1b" in line else line)


def echo_json(data: Any) -> None:
    """Print a command's result as JSON in ASCII; what JSON doesn't know as Python shows it."""
    import json

    click.echo(json.dumps(data, indent=2, default=repr), file=results())


def echo_table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> None:
    """Print rows in aligned columns."""
    rows = [[shown(cell, lines=False) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, *rows]:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())
