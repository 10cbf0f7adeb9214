"""Durations and moments as they are typed: `90s`, `30m`, `12h`, `7d`, or a date."""

from __future__ import annotations

import datetime
import re

import click

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(ctx: click.Context, param: click.Parameter, value: str) -> float:
    """A duration such as `90s`, `30m`, `12h` or `7d` in seconds."""
    if (found := _seconds(value)) is None:
        raise click.BadParameter(f"{value!r} is no duration; give 90s, 30m, 12h or 7d.")
    return found


def since(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> datetime.datetime | None:
    """A moment: so long ago, or a date with or without a time; without a zone it is local."""
    if value is None:
        return None
    try:
        if (found := _seconds(value)) is not None:
            return datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=found)
        return datetime.datetime.fromisoformat(value).astimezone()
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{value!r} is no duration and no date; give 90s, 30m, 12h, 7d, 2026-11-28 or "
            "2026-11-28T14:00."
        ) from None


def _seconds(text: str) -> float | None:
    found = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)([smhd])", text)
    return float(found[1]) * UNITS[found[2]] if found else None
