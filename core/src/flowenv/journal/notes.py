"""What is noted of a run while this process follows it, and what is known of it afterwards.

The journal is never needed: what goes wrong with it is said once, and no run hears of it.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowenv import contract
from flowenv.answers.summaries import RunSummary
from flowenv.journal.store import Change, Entry, Store
from flowenv.redaction import redacted
from flowenv.remote.marks import Marks, moment
from flowenv.results.outcome import Outcome
from flowenv.settings.user_folders import state_folder
from flowenv.states import Reason, State, Status

if TYPE_CHECKING:
    from flowenv.environments.environment import Environment
    from flowenv.runs.flow_run import FlowRun

VARIABLE = "FLOWENV_JOURNAL"
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


class Journal:
    """The journal of this user on this machine.

    Args:
        path: its file.
    """

    def __init__(self, path: Path) -> None:
        self._store = Store(path)
        self._is_usable = True
        self._gathered = threading.local()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Within the block, what this thread hears of runs is gathered, and noted at its end."""
        self._gathered.changes = changes = list[tuple[str, Change]]()
        try:
            yield
        finally:
            del self._gathered.changes
            if changes:
                self._read(lambda: self._store.update(changes))

    def follow(self, run: FlowRun, *, is_own: bool = True) -> None:
        """Note a run that has a handle, and from now on what this process hears of it.

        Args:
            run: the run.
            is_own: False for one that was only picked up: it is noted if it is known already.
        """
        note = functools.partial(self._note, run, is_own=is_own)
        run.listeners.append(lambda status: note(status=status))
        run.witnesses.append(lambda outcome: note(outcome=outcome))
        if is_own or self.named(run.id):
            run.document_witnesses.append(self._keep)
        if is_own:
            note(status=run.last_status)

    def note_found(self, found: Iterable[RunSummary], environment: Environment) -> None:
        """Note how runs stand that a platform has listed, of those that are known."""
        found = list(found)
        entries = self._read(lambda: self._store.of([one.run_id for one in found])) or ()
        known = {
            entry.run_id: one.summary
            for entry in entries
            if (entry.backend, entry.place) == (environment.backend, environment.place)
            and (one := _remembered(entry))
        }
        changes = [(one.run_id, _as_listed(one)) for one in found if _is_news(one, known)]
        if changes:
            self._read(lambda: self._store.update(changes))

    def document(self, sha256: str) -> bytes | None:
        """A result's document that this machine has read from a run's log, by its digest."""
        found: bytes | None = self._read(lambda: self._store.kept(sha256))
        return found

    def _keep(self, sha256: str, content: bytes) -> None:
        self._read(lambda: self._store.keep(sha256, content))

    def named(self, name: str) -> Remembered | None:
        """What is known of the run with this id or reference; None if nothing is."""
        found = self._read(lambda: self._store.named(name))
        return found and _remembered(found)

    def at(self, environment: Environment) -> list[Remembered]:
        """What is known of the runs of an environment's place, newest first."""
        entries = self._read(lambda: self._store.at(environment.backend, environment.place))
        return [one for entry in entries or () if (one := _remembered(entry))]

    def references(self, environment: Environment) -> dict[str, str]:
        """The references of all runs of an environment's place that are known, by their ids."""
        place = environment.backend, environment.place
        return self._read(lambda: self._store.references(*place)) or {}

    def _note(
        self,
        run: FlowRun,
        *,
        is_own: bool,
        status: Status | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        now = datetime.datetime.now(datetime.UTC)
        times: dict[str, datetime.datetime | None] = {}
        if status is not None and status.state is State.RUNNING:
            times["started"] = now
        if status is not None and status.state.is_final:
            times["ended"] = now

        def change(entry: Entry | None) -> Entry | None:
            if entry is None and is_own:
                entry = _new(run)
            return entry and _changed(entry, status, outcome, times)

        self._update(run.id, change)

    def _update(self, run_id: str, change: Change) -> None:
        gathered: list[tuple[str, Change]] | None = getattr(self._gathered, "changes", None)
        if gathered is None:
            self._read(lambda: self._store.update([(run_id, change)]))
        else:
            gathered.append((run_id, change))

    def _read(self, ask: Callable[[], Any]) -> Any:
        """What is asked for; None, and a line that says so once, if it can't be had."""
        if not self._is_usable:
            return None
        try:
            return ask()
        except Exception as error:  # whatever it is: a history is no reason for a run to fail
            self._is_usable = False  # whoever holds it would hold up each run again
            import logging

            logging.getLogger("flowenv").warning(
                "The journal of runs can't be used: %s. Runs don't need it; journal = false in the "
                "configuration, or %s=0, does without.",
                error,
                VARIABLE,
            )
            return None


class NoJournal(Journal):
    """Where there is to be none."""

    def __init__(self) -> None:
        super().__init__(Path())
        self._is_usable = False

    def follow(self, run: FlowRun, *, is_own: bool = True) -> None:
        """Note nothing."""

    def at(self, environment: Environment) -> list[Remembered]:
        """Nothing."""
        return []


@functools.cache
def journal_at(path: Path) -> Journal:
    """The journal in a file; one a process, so that what is wrong with it is said once."""
    return Journal(path)


def journal() -> Journal:
    """The journal of this user, unless the configuration or `FLOWENV_JOURNAL` says no.

    In a flow's container there is none: what it submits, whoever asks there forgets.
    """
    from flowenv.settings.configuration import configuration

    said = os.environ.get(VARIABLE)
    wanted = configuration().journal if said is None else said.lower() not in _NO
    if not wanted or contract.PAYLOAD in os.environ:
        return NoJournal()
    try:
        return journal_at(state_folder() / "journal.sqlite3")
    except RuntimeError:  # a user without a home directory
        return NoJournal()


_NO = ("", "0", "no", "off", "false")


def _is_news(listed: RunSummary, known: Mapping[str, RunSummary]) -> bool:
    before = known.get(listed.run_id)
    if before is None:
        return False
    return before.status != listed.status or bool(listed.ended and not before.ended)


def _as_listed(listed: RunSummary) -> Change:
    times = {"started": listed.started, "ended": listed.ended}
    return lambda entry: entry and _changed(entry, listed.status, None, times)


def _new(run: FlowRun) -> Entry:
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


def _changed(
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


def _remembered(entry: Entry) -> Remembered | None:
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
