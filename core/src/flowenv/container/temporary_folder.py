"""A folder for temporary files where `/tmp` can't be written: the root file system is read-only."""

from __future__ import annotations

import os
import tempfile

from flowenv.errors import PayloadError

_IN_MEMORY = "/dev/shm"
"""Containers can write to it even if their root file system is read-only."""


def ensure_temporary_folder() -> None:
    """See to it that this process, and what it starts, have a folder for temporary files.

    Raises:
        PayloadError: if no folder can be written to.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        if not os.access(_IN_MEMORY, os.W_OK | os.X_OK):
            raise PayloadError(
                "No folder can be written to: the root file system is read-only, and so is /tmp.",
                hint="Mount a volume at /tmp, such as an emptyDir.",
            ) from error
        tempfile.tempdir = os.environ["TMPDIR"] = _IN_MEMORY
