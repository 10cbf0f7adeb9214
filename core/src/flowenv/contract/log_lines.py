"""The line that a flow's process logs first, by which the beginning of a log is known."""

from __future__ import annotations

BEGINNING = "Running the flow %s, run %s"
"""What is logged before the flow runs: its name, and the run's id."""


def is_beginning(line: str, run_id: str) -> bool:
    """True for the line that is logged, at the level INFO, before the flow runs.

    >>> is_beginning("2026-11-22 12:00:00 INFO flowenv: Running the flow add, run 1-a", "1-a")
    True
    """
    words, _, rest = BEGINNING.partition("%s")
    return words in line and line.endswith(rest % run_id)
