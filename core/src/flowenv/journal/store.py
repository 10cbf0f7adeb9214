"""What the journal's file holds: an entry a run, in one SQLite table, and a few documents."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowenv.journal.database import opened

if TYPE_CHECKING:
    import sqlite3

MOST_RUNS = 10_000
"""How many runs are remembered; after that the oldest are forgotten."""
_AT_ONCE = 500
"""How many run ids a query names."""
LARGEST = 32 * 1024
"""Characters of one run's entry: a larger one isn't noted."""
MOST_DOCUMENTS, LARGEST_DOCUMENT = 100, 64 * 1024
"""How many results are kept that came by a log, and how many bytes such a one may have."""

_DOCUMENTS = """
CREATE TABLE IF NOT EXISTS documents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    sha256 TEXT UNIQUE NOT NULL,
    content BLOB NOT NULL
)
"""
_COLUMNS = "run_id, reference, backend, place, created, seen, about, outcome"


@dataclass(frozen=True)
class Entry:
    """One run in the journal.

    Args:
        run_id: the run.
        reference: what `flowenv attach` takes.
        backend: where it ran.
        place: where on that backend; see `Environment.place`.
        created: when it was submitted, in seconds since 1970.
        seen: when this machine last heard of it, in seconds since 1970.
        about: what else is known of it, as JSON data.
        outcome: its outcome record; empty if none was seen.
    """

    run_id: str
    reference: str
    backend: str
    place: str
    created: float
    seen: float
    about: dict[str, Any]
    outcome: str = ""


Change = Callable[[Entry | None], Entry | None]
"""Gets the entry of a run, or None, and gives the new one, or None to leave it so."""


@dataclass(eq=False)
class _Updates:
    """What one thread wants to be written."""

    changes: Sequence[tuple[str, Change]]
    are_written: bool = False


class Store:
    """The file; every call opens it anew, so that threads and processes can share it.

    Args:
        path: the file; it and its folder are made when something is first noted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # threads of one process wait for each other as long as it takes
        self._writing = threading.Lock()
        self._waiting: deque[_Updates] = deque()

    def update(self, changes: Sequence[tuple[str, Change]]) -> None:
        """Change or make the entries of runs, while no other process can.

        What several threads want at the same time, the first of them writes for all.

        Args:
            changes: ids of runs, and what becomes of their entries.

        Raises:
            JournalUnusable: if it can't be done; one of the threads hears of it.
        """
        own = _Updates(changes)
        self._waiting.append(own)
        with self._writing:
            if not own.are_written:
                self._write()

    def _write(self) -> None:
        updates = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            with opened(self.path, writing=True) as database:
                database.execute("BEGIN IMMEDIATE")
                for update in updates:
                    for run_id, change in update.changes:
                        _apply(database, run_id, change)
                database.execute("COMMIT")
        except Exception:
            _settle(updates)
            raise
        except BaseException:  # an interrupt is for this thread only
            self._waiting.extendleft(reversed(updates))
            raise
        _settle(updates)

    def keep(self, sha256: str, content: bytes) -> None:
        """Keep a result's document, unless it is large; the oldest are forgotten.

        Args:
            sha256: its digest.
            content: the document.

        Raises:
            JournalUnusable: if it can't be done.
        """
        if len(content) > LARGEST_DOCUMENT:
            return
        with opened(self.path, writing=True) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute(_DOCUMENTS)
            values = (sha256, content)
            database.execute(
                "INSERT OR IGNORE INTO documents (sha256, content) VALUES (?, ?)", values
            )
            database.execute(
                "DELETE FROM documents WHERE number IN "
                "(SELECT number FROM documents ORDER BY number DESC LIMIT -1 OFFSET ?)",
                (MOST_DOCUMENTS,),
            )
            database.execute("COMMIT")

    def kept(self, sha256: str) -> bytes | None:
        """The document with a digest; None if it isn't kept, or isn't what it was.

        Raises:
            JournalUnusable: if the file can't be read.
        """
        if not self.path.exists():
            return None
        with opened(self.path) as database:
            tables = "SELECT 1 FROM sqlite_master WHERE name = 'documents'"
            if not database.execute(tables).fetchone():
                return None
            query = "SELECT content FROM documents WHERE sha256 = ?"
            row = database.execute(query, (sha256,)).fetchone()
        found = row[0] if row else None
        if not isinstance(found, bytes) or hashlib.sha256(found).hexdigest() != sha256:
            return None
        return found

    def named(self, name: str) -> Entry | None:
        """The entry of a run id, or else the newest one of a reference.

        Raises:
            JournalUnusable: if the file can't be read.
        """
        if not self.path.exists():
            return None
        with opened(self.path) as database:
            return _one(database, "run_id = ?", name.lower()) or _one(
                database, "reference = ?", name
            )

    def of(self, run_ids: Sequence[str]) -> list[Entry]:
        """The entries of these runs, as far as there are some.

        Raises:
            JournalUnusable: if the file can't be read.
        """
        found: list[Entry] = []
        if not self.path.exists():
            return found
        with opened(self.path) as database:
            for start in range(0, len(run_ids), _AT_ONCE):
                some = run_ids[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                query = f"SELECT {_COLUMNS} FROM runs WHERE run_id IN ({marks})"
                found += map(_entry, database.execute(query, some))
        return found

    def references(self, backend: str, place: str) -> dict[str, str]:
        """The references of all entries of a place, by run id.

        Raises:
            JournalUnusable: if the file can't be read.
        """
        if not self.path.exists():
            return {}
        with opened(self.path) as database:
            query = "SELECT run_id, reference FROM runs WHERE backend = ? AND place = ?"
            return dict(database.execute(query, (backend, place)))

    def at(self, backend: str, place: str) -> list[Entry]:
        """The entries of a place, newest first.

        Raises:
            JournalUnusable: if the file can't be read.
        """
        if not self.path.exists():
            return []
        with opened(self.path) as database:
            found = database.execute(
                f"SELECT {_COLUMNS} FROM runs WHERE backend = ? AND place = ? "
                "ORDER BY created DESC",
                (backend, place),
            )
            return [_entry(row) for row in found]


def _settle(updates: Sequence[_Updates]) -> None:
    for update in updates:
        update.are_written = True


def _apply(database: sqlite3.Connection, run_id: str, change: Change) -> None:
    entry = change(_one(database, "run_id = ?", run_id))
    if entry is None:
        return
    values = _row(entry)
    if sum(len(one) for one in values if isinstance(one, str)) > LARGEST:
        return
    written = database.execute(
        f"INSERT OR REPLACE INTO runs ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?)", values
    )
    # to look for the oldest takes longer than to write: a hundred times in all
    if (written.lastrowid or 0) % max(MOST_RUNS // 100, 1) == 0:
        database.execute(
            "DELETE FROM runs WHERE run_id IN (SELECT run_id FROM runs "
            "ORDER BY created DESC LIMIT -1 OFFSET ?)",
            (MOST_RUNS,),
        )


def _one(database: sqlite3.Connection, where: str, value: str) -> Entry | None:
    row = database.execute(
        f"SELECT {_COLUMNS} FROM runs WHERE {where} ORDER BY created DESC LIMIT 1", (value,)
    ).fetchone()
    return _entry(row) if row else None


def _row(entry: Entry) -> tuple[Any, ...]:
    about = json.dumps(entry.about)
    named = (entry.run_id, entry.reference, entry.backend, entry.place)
    return (*named, entry.created, entry.seen, about, entry.outcome)


def _entry(row: tuple[Any, ...]) -> Entry:
    *texts, created, seen, about, outcome = row
    data = json.loads(about)
    if not isinstance(data, dict):
        raise ValueError("an entry isn't as flowenv writes it")
    run_id, reference, backend, place = (str(text) for text in texts)
    return Entry(run_id, reference, backend, place, float(created), float(seen), data, str(outcome))
