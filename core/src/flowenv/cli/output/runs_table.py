"""The table of `flowenv runs`: a row a run, as wide as the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flowenv.cli.output.printing import echo_table

if TYPE_CHECKING:
    from flowenv.answers.summaries import RunSummary

_HEADER = (
    "reference", "flow", "state", "start (UTC)", "duration", "by", "labels", "parameters",
    "message",
)  # fmt: skip
_SHRINKING = ("flow", "by", "labels", "parameters", "message")
_DROPPING = ("labels", "by", "duration", "flow", "parameters", "message", "start (UTC)")
"""What a narrow terminal has no room for, in this order: a reference is copied whole."""
_WIDEST = 60


def print_runs(found: Sequence[RunSummary]) -> None:
    """Print a table of runs.

    Columns that say nothing are left out; who submitted them, too, if all are one user's; and those
    for which the terminal is too narrow.

    Args:
        found: the runs, in their order.
    """
    several = len({one.submitter for one in found}) > 1
    rows = [_row(one, several) for one in found]
    echo_table(rows, _HEADER, shrinking=_SHRINKING, dropping=_DROPPING)


def _row(run: RunSummary, with_submitter: bool) -> list[str]:
    from flowenv.runs.shown_parameters import as_words
    from flowenv.runs.timeline import duration

    start = run.started or run.created
    seconds = run.seconds()
    return [
        run.reference,
        _cut(run.flow),
        run.status.state.value,
        _in_utc(start) if start else "",
        "" if seconds is None else duration(seconds),
        _cut(run.submitter) if with_submitter else "",
        _cut(", ".join(run.labels)),
        as_words(run.parameters),
        message(run),
    ]


def message(run: RunSummary) -> str:
    """Why a run ended or waits as it does: the reason and the sentence."""
    reason = run.status.reason.value if run.status.reason else ""
    said = ": ".join(part for part in (reason, run.status.message) if part)
    if run.seen and not run.status.state.is_final:
        return f"(last heard of {_in_utc(run.seen)}, not there any more) {said}".rstrip()
    return f"(not there any more) {said}".rstrip() if run.seen else said


def _in_utc(moment: object) -> str:
    import datetime

    assert isinstance(moment, datetime.datetime)
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")


def _cut(text: str) -> str:
    """A text that nobody has to copy, short enough for a table."""
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
