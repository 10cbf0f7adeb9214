"""A run as a notebook shows it: by what this process has seen of it; nobody is asked. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from flowenv.answers.times import Phase
from flowenv.runs.timeline import OTHER_PHASE, PHASE_COLOURS, WIDTH, Scale, duration
from flowenv.states import Status
from flowenv.wording import shown

LONGEST = 300
"""The characters of a text that a notebook shows."""
# in both the light and the dark of a notebook
_COLOURS = {
    "Completed": "#27894c",
    "Failed": "#d5504c",
    "Crashed": "#d5504c",
    "Cancelled": "#a6700f",
}
_GOING_ON = "#23878a"


def text(value: object) -> str:
    """Anything as HTML in which nothing acts, not too long."""
    said = str(value)
    return escape(shown(said if len(said) <= LONGEST else said[:LONGEST] + "…", lines=False))


def state(status: Status) -> str:
    """A state and its reason, in its colour."""
    said = status.state.value + (f" ({status.reason.value})" if status.reason else "")
    colour = _COLOURS.get(status.state.value, _GOING_ON)
    return f'<b style="color:{colour}">{text(said)}</b>'


def facts(found: Mapping[str, str]) -> str:
    """Names and HTML, those without any left out, as a small table."""
    rows = "".join(
        f'<tr><td style="text-align:left;opacity:.7">{text(name)}</td>'
        f'<td style="text-align:left">{html}</td></tr>'
        for name, html in found.items()
        if html
    )
    return f"<table>{rows}</table>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table.

    Args:
        head: the columns' names.
        rows: the cells, as HTML.
    """
    cell = '<{0} style="text-align:left">{1}</{0}>'
    above = "".join(cell.format("th", text(one)) for one in head)
    below = "".join(f"<tr>{''.join(cell.format('td', one) for one in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{above}</tr></thead><tbody>{below}</tbody></table>"


def bars(phases: Sequence[Phase]) -> str:
    """The phases as bars, with what each took; empty for none."""
    if not phases:
        return ""
    now = datetime.datetime.now(datetime.UTC)
    drawn = "".join(
        f'<rect x="{bar.x}" y="0" width="{bar.width}" height="12" '
        f'fill="{colour}" stroke="{colour}" vector-effect="non-scaling-stroke">'
        f"<title>{text(bar.title)}</title></rect>"
        for bar in Scale([phases], now).bars(phases)
        if (colour := PHASE_COLOURS.get(bar.phase, OTHER_PHASE))
    )
    took = ", ".join(
        f"{one.name} {duration(one.seconds(now))}{'' if one.ended else ' so far'}" for one in phases
    )
    return (
        f'<svg viewBox="0 0 {WIDTH:g} 12" preserveAspectRatio="none" height="12" '
        'style="width:300px;max-width:none">'
        f"{drawn}</svg><br><small>{text(took)}</small>"
    )
