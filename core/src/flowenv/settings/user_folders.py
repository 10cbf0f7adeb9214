"""The user's own folder for what can be made or asked for again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Where flowenv keeps what it can do without: below `$XDG_CACHE_HOME`, else `~/.cache`.

    See https://specifications.freedesktop.org/basedir-spec/latest/.
    """
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(given) if os.path.isabs(given) else Path("~/.cache").expanduser()  # noqa: PTH117
    return base / "flowenv"
