"""The user's own folders for what flowenv can do without."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Where flowenv keeps what it can do without: below `$XDG_CACHE_HOME`, else `~/.cache`.

    See https://specifications.freedesktop.org/basedir-spec/latest/. For a user without a home, as
    containers have them, it is a folder that can't be made.
    """
    return _below("XDG_CACHE_HOME", ".cache")


def state_folder() -> Path:
    """Where flowenv remembers what it did: below `$XDG_STATE_HOME`, else `~/.local/state`.

    Raises:
        RuntimeError: if the user has no home directory.
    """
    if home_folder() is None and not os.environ.get("XDG_STATE_HOME"):
        raise RuntimeError("This user has no home directory.")
    return _below("XDG_STATE_HOME", ".local/state")


def home_folder() -> Path | None:
    """The user's home; None for a user whom nobody knows, as containers have them."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - it doesn't raise
    return home if home.is_absolute() else None


def _below(variable: str, default: str) -> Path:
    given = os.environ.get(variable, "")
    if os.path.isabs(given):  # noqa: PTH117
        return Path(given) / "flowenv"
    home = home_folder()
    return (home / default if home else Path(os.devnull)) / "flowenv"
