"""The journal's file: one SQLite table in the user's own state folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

VERSION = 1
MOST_RUNS = 10_000
"""How many runs are remembered; after that the oldest are forgotten."""
_AT_ONCE = 500
"""How many run ids a query names."""
LARGEST = 32 * 1024
"""Characters of one run's entry: a larger one isn't noted."""
MOST_DOCUMENTS, LARGEST_DOCUMENT = 100, 64 * 1024
"""How many results are kept that came by a log, and how many bytes such a one may have."""
PATIENCE = 1.0
"""Seconds to wait for another process that writes."""

_SCHEMA = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    reference TEXT NOT NULL,
    backend TEXT NOT NULL,
    place TEXT NOT NULL,
    created REAL NOT NULL,
    seen REAL NOT NULL,
    about TEXT NOT NULL,
    outcome TEXT NOT NULL
);
CREATE INDEX runs_created ON runs (created);
CREATE INDEX runs_reference ON runs (reference);
"""
_DOCUMENTS = """
CREATE TABLE IF NOT EXISTS documents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    sha256 TEXT UNIQUE NOT NULL,
    content BLOB NOT NULL
)
"""
_COLUMNS = "run_id, reference, backend, place, created, seen, about, outcome"


class JournalUnusable(Exception):
    """The journal can't be read or written; the message says why."""


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


class Store:
    """The file; every call opens it anew, so that threads and processes can share it.

    Args:
        path: the file; it and its folder are made when something is first noted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # threads of one process wait for each other as long as it takes
        self._writing = threading.Lock()

    def update(self, run_id: str, change: Any) -> None:
        """Change a run's entry, or make one, while no other process can.

        Args:
            run_id: the run.
            change: gets the entry, or None, and gives the new one, or None to leave it so.

        Raises:
            JournalUnusable: if it can't be done.
        """
        with self._writing, self._open(writing=True) as database:
            database.execute("BEGIN IMMEDIATE")
            entry = change(_one(database, "run_id = ?", run_id))
            if entry is not None:
                values = _row(entry)
                if sum(len(one) for one in values if isinstance(one, str)) <= LARGEST:
                    written = database.execute(
                        f"INSERT OR REPLACE INTO runs ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?)",
                        values,
                    )
                    # to look for the oldest takes longer than to write: a hundred times in all
                    if (written.lastrowid or 0) % max(MOST_RUNS // 100, 1) == 0:
                        database.execute(
                            "DELETE FROM runs WHERE run_id IN (SELECT run_id FROM runs "
                            "ORDER BY created DESC LIMIT -1 OFFSET ?)",
                            (MOST_RUNS,),
                        )
            database.execute("COMMIT")

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
        with self._open(writing=True) as database:
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
        with self._open() as database:
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
        with self._open() as database:
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
        with self._open() as database:
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
        with self._open() as database:
            query = "SELECT run_id, reference FROM runs WHERE backend = ? AND place = ?"
            return dict(database.execute(query, (backend, place)))

    def at(self, backend: str, place: str) -> list[Entry]:
        """The entries of a place, newest first.

        Raises:
            JournalUnusable: if the file can't be read.
        """
        if not self.path.exists():
            return []
        with self._open() as database:
            found = database.execute(
                f"SELECT {_COLUMNS} FROM runs WHERE backend = ? AND place = ? "
                "ORDER BY created DESC",
                (backend, place),
            )
            return [_entry(row) for row in found]

    @contextmanager
    def _open(self, *, writing: bool = False) -> Iterator[sqlite3.Connection]:
        import sqlite3

        try:
            if writing:
                self._make_private()
            uri = f"{self.path.absolute().as_uri()}?mode={'rw' if writing else 'ro'}"
            # transactions are begun by hand
            database = sqlite3.connect(uri, timeout=PATIENCE, isolation_level=None, uri=True)
            with contextlib.closing(database):
                # what a power cut may cost is a history, and a run shouldn't wait for a disk
                database.execute("PRAGMA synchronous = OFF")
                self._check_version(database, writing=writing)
                yield database
        except (sqlite3.Error, OSError, ValueError, TypeError, RecursionError) as error:
            raise JournalUnusable(f"{self.path}: {error}") from error

    def _check_version(self, database: sqlite3.Connection, *, writing: bool) -> None:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise JournalUnusable(f"{self.path}: a newer flowenv has written it")
        if version == VERSION or not writing:
            return
        database.execute("BEGIN IMMEDIATE")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if not version:  # nobody has been quicker
            for statement in filter(str.strip, _SCHEMA.split(";")):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {VERSION}")
        database.execute("COMMIT")

    def _make_private(self) -> None:
        """Make folder and file readable by nobody else; what is somebody else's is left alone."""
        folder = self.path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not hasattr(os, "getuid"):  # a system without owners and modes
            return
        if folder.stat().st_uid == os.getuid() and stat.S_IMODE(folder.stat().st_mode) & 0o077:
            folder.chmod(0o700)
        if not os.path.lexists(self.path):
            self._create()
        found = self.path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
            raise JournalUnusable(f"{self.path} belongs to somebody else, or is no file")
        if stat.S_IMODE(found.st_mode) & 0o077:
            self.path.chmod(0o600)

    def _create(self) -> None:
        """Make the file, empty, unless another process is quicker.

        It is never opened but by SQLite: to close it would end the locks that other threads hold.
        """
        import tempfile

        descriptor, made = tempfile.mkstemp(dir=self.path.parent)  # which only its owner may read
        os.close(descriptor)
        try:
            with contextlib.suppress(FileExistsError):
                os.link(made, self.path)
        finally:
            Path(made).unlink()


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
