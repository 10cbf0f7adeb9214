"""Runs that the platform has forgotten and this machine's journal has not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowenv.journal.entries import Remembered


def remembered(reference: str) -> Remembered | None:
    """What this machine's journal knows of a run that the platform has forgotten."""
    from flowenv.journal.notes import journal

    return journal().named(reference)


def describe_remembered(found: Remembered) -> dict[str, object]:
    """A run of the journal as plain data, as `flowenv status -o json` prints it."""
    return {**found.summary.to_json(), "backend": found.backend}
