"""What is noted of a run, and what a note says."""

from __future__ import annotations

import dataclasses
import datetime
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowenv.answers.summaries import RunSummary
from flowenv.journal.store import Entry
from flowenv.redaction import redacted
from flowenv.remote.marks import Marks, moment
from flowenv.results.record.outcome import Outcome
from flowenv.states import Reason, State, Status

if TYPE_CHECKING:
    from flowenv.runs.flow_run import FlowRun

_LONGEST_TEXT = 2000


@dataclass(frozen=True)
class Remembered:
    """What the journal knows of a run.

    Args:
        summary: the run, as it was when this machine last heard of it.
        seen: when that was.
        backend: where it ran.
        outcome: its outcome record, if this machine has seen it.
    """

    summary: RunSummary
    seen: datetime.datetime
    backend: str
    outcome: Outcome | None = None

    @property
    def words(self) -> str:
        """How the run stands, on one line."""
        moment = self.seen.strftime("%Y-%m-%d %H:%M:%S")
        return f"{self.summary.status} (as this machine last heard of it, at {moment} UTC)"


def new_entry(run: FlowRun) -> Entry:
    """The entry of a run that has a handle."""
    assert run.handle
    created = run.created or datetime.datetime.now(datetime.UTC)
    environment = run.environment
    about = {**Marks.of_run(run).to_json(), "created": created.isoformat()}
    return Entry(
        run.id,
        run.handle.reference,
        environment.backend,
        environment.place,
        created.timestamp(),
        time.time(),
        about,
    )


def changed(
    entry: Entry,
    status: Status | None,
    outcome: Outcome | None,
    times: dict[str, datetime.datetime | None],
) -> Entry:
    """An entry with what is news; one process may hear of it later than another."""
    about = dict(entry.about)
    before = _status(about)
    if status is not None and (before is None or before.state.may_become(status.state)):
        about |= {name: _short(value) for name, value in status.to_json().items()}
    for name, at in times.items():
        if at is not None:
            about.setdefault(name, at.isoformat())
    text = redacted(outcome.to_bytes().decode()) if outcome else entry.outcome
    return dataclasses.replace(entry, about=about, seen=time.time(), outcome=text)


def _short(value: Any) -> Any:
    return redacted(value)[:_LONGEST_TEXT] if isinstance(value, str) else value


def _status(about: dict[str, Any]) -> Status | None:
    try:
        state = State(about["state"])
        reason = Reason(about["reason"]) if about.get("reason") else None
    except (ValueError, KeyError):
        return None
    return Status(state, reason, str(about.get("message") or ""), str(about.get("hint") or ""))


def remembered(entry: Entry) -> Remembered | None:
    """What an entry says; None if it isn't as flowenv writes them."""
    status = _status(entry.about)
    if status is None:
        return None
    try:
        marks = Marks.from_json({**entry.about, "run_id": entry.run_id})
        seen = datetime.datetime.fromtimestamp(entry.seen, datetime.UTC)
    except (ValueError, TypeError, KeyError, OverflowError, OSError):
        return None
    times = (moment(entry.about.get("started")), moment(entry.about.get("ended")))
    summary = dataclasses.replace(marks.summary(entry.reference, status, *times), seen=seen)
    outcome = Outcome.from_text(entry.outcome, entry.run_id) if entry.outcome else None
    return Remembered(summary, seen, entry.backend, outcome)
