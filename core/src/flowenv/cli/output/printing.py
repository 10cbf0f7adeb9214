"""What commands print: lines, JSON, and tables of aligned columns; nothing in them can act."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TextIO

import click

from flowenv.wording import shown

_COLOUR = r"\x1b\[[0-9;]*m"


def results() -> TextIO | None:
    """The stream for a command's results; None outside of one that has any."""
    from flowenv.cli.output.stdout import RESULTS

    context = click.get_current_context(silent=True)
    return context.meta.get(RESULTS) if context else None


def echo(text: object = "", *, file: TextIO | None = None, err: bool = False) -> None:
    """Print lines in which what others wrote is shown, not done.

    Args:
        text: what to print.
        file: where to; by default the standard output.
        err: True for the standard error.
    """
    if err:
        tell(shown(str(text)))
    else:
        click.echo(shown(str(text)), file=file)


def tell(text: str) -> None:
    """Print lines on the standard error; what nobody can have there is left out."""
    try:
        click.echo(text, err=True)
    except OSError:
        from flowenv.cli.output.stdout import drop_output

        drop_output(2)


def log_line(line: str) -> str:
    """A line of a flow's log as it may be shown: without colours, all else that acts escaped."""
    import re

    return shown(re.sub(_COLOUR, "", line) if "\x1b" in line else line)


def echo_json(data: Any) -> None:
    """Print a command's result as JSON in ASCII; what JSON doesn't know as Python shows it."""
    import json

    click.echo(json.dumps(data, indent=2, default=repr), file=results())


def echo_table(
    rows: Sequence[Sequence[str]],
    header: Sequence[str],
    *,
    shrinking: Sequence[str] = (),
    dropping: Sequence[str] = (),
) -> None:
    """Print rows in aligned columns.

    Args:
        rows: the cells; a column that is empty in all of them isn't printed.
        header: what each column is called.
        shrinking: the columns that become narrower where the terminal isn't wide enough, the last
            first. Where the output isn't a terminal, nothing is cut.
        dropping: the columns that are left out where that isn't enough, in this order.
    """
    rows = [[shown(cell, lines=False) for cell in row] for row in rows]
    kept = [i for i, name in enumerate(header) if not name or any(row[i] for row in rows)]
    widest = [max(_width(row[i]) for row in [header, *rows]) for i in range(len(header))]
    room = _terminal_width()
    for dropped in range(len(dropping) + 1):
        kept = [i for i in kept if header[i] not in dropping[:dropped]]
        widths = [widest[i] for i in kept]
        _shrink(widths, [header[i] for i in kept], shrinking, room)
        if not room or _row_width(widths) <= room:
            break
    for row in [header, *rows]:
        cells = (_fitted(row[i], width) for i, width in zip(kept, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


_NARROWEST = 12


def _shrink(widths: list[int], names: Sequence[str], shrinking: Sequence[str], room: int) -> None:
    """Make the columns that may be cut narrower until a row fits into the terminal."""
    for name in reversed([name for name in shrinking if name in names]) if room else ():
        too_wide = _row_width(widths) - room
        at = names.index(name)
        widths[at] = min(widths[at], max(widths[at] - max(too_wide, 0), _NARROWEST))


def _row_width(widths: Sequence[int]) -> int:
    return sum(widths) + 2 * (len(widths) - 1)


def is_terminal() -> bool:
    """Whether somebody looks at what is printed."""
    import sys

    return sys.stdout is not None and sys.stdout.isatty()


def _terminal_width() -> int:
    """The columns of the terminal that is printed to; 0 if it isn't one, or isn't known."""
    import shutil

    return shutil.get_terminal_size((0, 0)).columns if is_terminal() else 0


def _width(text: str) -> int:
    """How many columns a text takes: characters of East Asian scripts take two."""
    if text.isascii():
        return len(text)
    import unicodedata

    taken = (unicodedata.combining(c) == 0 for c in text)
    return sum(
        is_wide + is_taken
        for is_taken, is_wide in zip(
            taken, (unicodedata.east_asian_width(c) in "WF" for c in text), strict=True
        )
    )


def _fitted(text: str, width: int) -> str:
    if _width(text) > width:
        while _width(text) > width - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (width - _width(text))
