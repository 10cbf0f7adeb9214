"""What is noted of a run while this process follows it, and what is known of it afterwards.

The journal is never needed: what goes wrong with it is said once, and no run hears of it.
"""

from __future__ import annotations

import datetime
import functools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowenv import contract
from flowenv.answers.summaries import RunSummary
from flowenv.journal.entries import Remembered, changed, new_entry, remembered
from flowenv.journal.gathering import Gathering
from flowenv.journal.store import Change, Entry, Store
from flowenv.results.record.outcome import Outcome
from flowenv.settings.user_folders import state_folder
from flowenv.states import State, Status

if TYPE_CHECKING:
    from flowenv.environments.environment import Environment
    from flowenv.runs.flow_run import FlowRun

VARIABLE = "FLOWENV_JOURNAL"


class Journal:
    """The journal of this user on this machine.

    Args:
        path: its file.
    """

    def __init__(self, path: Path) -> None:
        self._store = Store(path)
        self._is_usable = True
        self._here = threading.local()

    @contextmanager
    def together(self) -> Iterator[Callable[[], AbstractContextManager[None]]]:
        """Within the block, what is heard of many runs is noted together, some at a time.

        Gives the block for each thread in which that is so. The journal is written again and
        again, lest a process that is killed forgets much, and at the end.
        """
        gathering = Gathering(lambda changes: self._try(lambda: self._store.update(changes)))

        @contextmanager
        def here() -> Iterator[None]:
            self._here.gathering = gathering
            try:
                yield
            finally:
                del self._here.gathering

        try:
            yield here
        finally:
            gathering.write()

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
        entries = self._try(lambda: self._store.of([one.run_id for one in found])) or ()
        known = {
            entry.run_id: one.summary
            for entry in entries
            if (entry.backend, entry.place) == (environment.backend, environment.place)
            and (one := remembered(entry))
        }
        changes = [(one.run_id, _as_listed(one)) for one in found if _is_news(one, known)]
        if changes:
            self._try(lambda: self._store.update(changes))

    def document(self, sha256: str) -> bytes | None:
        """A result's document that this machine has read from a run's log, by its digest."""
        found: bytes | None = self._try(lambda: self._store.kept(sha256))
        return found

    def _keep(self, sha256: str, content: bytes) -> None:
        self._try(lambda: self._store.keep(sha256, content))

    def named(self, name: str) -> Remembered | None:
        """What is known of the run with this id or reference; None if nothing is."""
        found = self._try(lambda: self._store.named(name))
        return found and remembered(found)

    def at(self, environment: Environment) -> list[Remembered]:
        """What is known of the runs of an environment's place, newest first."""
        entries = self._try(lambda: self._store.at(environment.backend, environment.place))
        return [one for entry in entries or () if (one := remembered(entry))]

    def references(self, environment: Environment) -> dict[str, str]:
        """The references of all runs of an environment's place that are known, by their ids."""
        place = environment.backend, environment.place
        return self._try(lambda: self._store.references(*place)) or {}

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
                entry = new_entry(run)
            return entry and changed(entry, status, outcome, times)

        self._update(run.id, change)

    def _update(self, run_id: str, change: Change) -> None:
        gathering: Gathering | None = getattr(self._here, "gathering", None)
        if gathering is None:
            self._try(lambda: self._store.update([(run_id, change)]))
        else:
            gathering.add(run_id, change)

    def _try(self, do: Callable[[], Any]) -> Any:
        """Read or write; None, and a line that says so once, if the journal can't be used."""
        if not self._is_usable:
            return None
        try:
            return do()
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
    return lambda entry: entry and changed(entry, listed.status, None, times)
