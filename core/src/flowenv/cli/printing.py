"""What commands print: JSON, and tables of aligned columns."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any, TextIO

import click


def echo_json(data: Any, stream: TextIO | None = None) -> None:
    """Print data as JSON; what JSON doesn't know as Python shows it.

    Args:
        data: the data.
        stream: where to; by default the standard output.
    """
    text = json.dumps(data, indent=2, ensure_ascii=False, default=repr)
    try:
        text.encode(getattr(stream or sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(data, indent=2, default=repr)  # JSON has its own way to write them
    click.echo(text, file=stream)


def echo_table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> None:
    """Print rows in aligned columns."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, *rows]:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())
