"""The user's own folders for what flowenv can do without."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Where flowenv keeps what it can do without: below `$XDG_CACHE_HOME`, else `~/.cache`.

    See https://specifications.freedesktop.org/basedir-spec/latest/.
    """
    return _below("XDG_CACHE_HOME", "~/.cache")


def state_folder() -> Path:
    """Where flowenv remembers what it did: below `$XDG_STATE_HOME`, else `~/.local/state`.

    Raises:
        RuntimeError: if the user has no home directory.
    """
    return _below("XDG_STATE_HOME", "~/.local/state")


def _below(variable: str, default: str) -> Path:
    given = os.environ.get(variable, "")
    base = Path(given) if os.path.isabs(given) else Path(default).expanduser()  # noqa: PTH117
    return base / "flowenv"
