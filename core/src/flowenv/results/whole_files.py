"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from flowenv.errors import ConfigurationError, FlowenvError

OWN, SHARED = 0o600, 0o666
"""Who may read a file: its owner, or whoever the user's umask lets."""


def write_whole(path: Path, content: bytes, what: str, *, mode: int = SHARED) -> None:
    """Write a file; one that is there is replaced, a pipe or a device is written to.

    Args:
        path: the file.
        content: what it holds.
        what: what an error calls it: `report`.
        mode: who may read it, as the umask lets; if a file is there, nobody more than before.

    Raises:
        FlowenvError: if it can't be written; what was there before still is.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        _replace(path.resolve(), content, mode)
    except OSError as error:
        raise FlowenvError(f"The {what} can't be written to {path}: {error.strerror}.") from error


def _replace(path: Path, content: bytes, mode: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix=".flowenv-", dir=path.parent))
    partial = folder / "partial"
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            if path.exists():
                os.fchmod(descriptor, mode & path.stat().st_mode)
            file.write(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
        folder.rmdir()


def check_writable(path: Path, what: str) -> None:
    """Check beforehand that a file can be written.

    Args:
        path: the file.
        what: what an error calls it.

    Raises:
        ConfigurationError: if its folder isn't there or can't be written to.
    """
    folder = path.resolve().parent
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise ConfigurationError(
            f"The {what} can't be written to {path}: {folder} is no folder in which this user "
            "may write."
        )
