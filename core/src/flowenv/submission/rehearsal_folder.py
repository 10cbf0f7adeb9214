"""The folder of a rehearsal: it holds parameters, so that it goes, whatever ends its processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_PREFIX = "flowenv-rehearsal-"
_LOCK = "lock"


@contextlib.contextmanager
def rehearsal_folder() -> Iterator[tuple[Path, int]]:
    """A folder that is removed at the end of the block, and the descriptor of its lock.

    Who is killed removes nothing: the first rehearsal of a later process does it, for folders whose
    lock nobody holds any more. A process that is started with the descriptor holds it, too.
    """
    _sweep(tempfile.gettempdir())
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        folder = Path(name)
        unlocked = folder / "unlocked"
        lock = os.open(unlocked, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            unlocked.rename(folder / _LOCK)  # from here on others may look at it
            yield folder, lock
        finally:
            os.close(lock)


@cache
def _sweep(place: str) -> None:
    """Remove the folders that killed processes of this user have left, once a process."""
    for folder in Path(place).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another one sweeps, too, or it is another user's
            _remove_if_left(folder)


def _remove_if_left(folder: Path) -> None:
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        return
    lock = os.open(folder / _LOCK, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(lock)
