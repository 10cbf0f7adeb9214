"""The journal's file, made for its owner alone; it is opened anew each time it is needed."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

VERSION = 1
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


class JournalUnusable(Exception):
    """The journal can't be read or written; the message says why."""


@contextmanager
def opened(path: Path, *, writing: bool = False) -> Iterator[sqlite3.Connection]:
    """The file as a database, for as long as the block lasts.

    Args:
        path: the file.
        writing: True to make it, and its table, if it isn't there.

    Raises:
        JournalUnusable: if it can't be opened, or what the block asks of it fails.
    """
    import sqlite3

    try:
        if writing:
            _make_private(path)
        uri = f"{path.absolute().as_uri()}?mode={'rw' if writing else 'ro'}"
        # transactions are begun by hand
        database = sqlite3.connect(uri, timeout=PATIENCE, isolation_level=None, uri=True)
        with contextlib.closing(database):
            # what a power cut may cost is a history, and a run shouldn't wait for a disk
            database.execute("PRAGMA synchronous = OFF")
            _check_version(path, database, writing=writing)
            yield database
    except (sqlite3.Error, OSError, ValueError, TypeError, RecursionError) as error:
        raise JournalUnusable(f"{path}: {error}") from error


def _check_version(path: Path, database: sqlite3.Connection, *, writing: bool) -> None:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise JournalUnusable(f"{path}: a newer flowenv has written it")
    if version == VERSION or not writing:
        return
    database.execute("BEGIN IMMEDIATE")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if not version:  # nobody has been quicker
        for statement in filter(str.strip, _SCHEMA.split(";")):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {VERSION}")
    database.execute("COMMIT")


def _make_private(path: Path) -> None:
    """Make folder and file readable by nobody else; what is somebody else's is left alone."""
    folder = path.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not hasattr(os, "getuid"):  # a system without owners and modes
        return
    if folder.stat().st_uid == os.getuid() and stat.S_IMODE(folder.stat().st_mode) & 0o077:
        folder.chmod(0o700)
    if not os.path.lexists(path):
        _create(path)
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
        raise JournalUnusable(f"{path} belongs to somebody else, or is no file")
    if stat.S_IMODE(found.st_mode) & 0o077:
        path.chmod(0o600)


def _create(path: Path) -> None:
    """Make the file, empty, unless another process is quicker.

    It is never opened but by SQLite: to close it would end the locks that other threads hold.
    """
    import tempfile

    descriptor, made = tempfile.mkstemp(dir=path.parent)  # which only its owner may read
    os.close(descriptor)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(made, path)
    finally:
        Path(made).unlink()
