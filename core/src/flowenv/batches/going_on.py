"""Nobody follows a batch any more: what of it goes on, and how to get back to it."""

from __future__ import annotations

from typing import Protocol

from flowenv.batches.rows import Row
from flowenv.runs.waiting import name_of, named_ways_back
from flowenv.wording import counted


class FollowedBatch(Protocol):
    """A batch, as far as somebody followed it."""

    name: str
    rows: list[Row]


def going_on(batch: FollowedBatch) -> list[Row]:
    """The rows whose runs the platform has, and which aren't over as far as is known."""
    return [row for row in batch.rows if row.is_submitted and not row.last_status.state.is_final]


def what_goes_on(batch: FollowedBatch) -> str:
    """How many runs may go on, and how many were never submitted; empty if all are over."""
    count = len(going_on(batch))
    states = [row.last_status.state for row in batch.rows if not row.is_submitted]
    missing = sum(not one.is_final for one in states)
    if not count and not missing:
        return ""
    said = (
        f"{count or 'no'} of {counted(len(batch.rows), 'run')} {'goes' if count == 1 else 'go'} on"
    )
    verb = "isn't" if missing == 1 else "aren't"
    return f"{said}, {missing} {verb} submitted" if missing else said


def ways_back(batch: FollowedBatch) -> str:
    """What goes on, and how a script gets back to it; empty if all are over, or none has begun."""
    said, left = what_goes_on(batch), going_on(batch)
    if not said or not any(row.is_submitted for row in batch.rows):
        return ""
    said = f"Of the batch {batch.name} {said}."
    environment = batch.rows[0].draft.environment
    where, can = name_of(environment), environment.capabilities
    if can.find:
        said += f' flowenv.map(…, name="{batch.name}") picks it up'
        stop = f"; to stop it: flowenv cancel --batch {batch.name} --env {where}"
        return said + (stop if left else ".")
    runs = [row.run for row in left] if can.attach else []
    return f"{said} {named_ways_back(runs)}" if runs else said
