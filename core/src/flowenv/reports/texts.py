"""Texts of a page: short, for people, and nothing in them acts."""

from __future__ import annotations

import datetime

from flowenv.wording import shown

LONGEST_LINE = 4_000
"""The characters of a line, and of a value, that a report has."""


def text(value: object) -> str:
    """Anything as one line or several, not too long, in which nothing acts."""
    said = str(value)
    if len(said) > LONGEST_LINE:
        said = f"{said[:LONGEST_LINE]}… ({len(said):,} characters)"
    return shown(said)


def moment(at: datetime.datetime | None) -> str:
    """A moment for people, in UTC."""
    return at.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at else ""
