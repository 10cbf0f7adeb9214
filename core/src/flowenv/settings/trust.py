"""Which files found by themselves may be read: a configuration can name code to run."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from flowenv.settings.user_folders import home_folder

_ROOT = 0


def folders_to_search(start: Path) -> Iterator[Path]:
    """A folder and those above it, up to the home directory or the file system's border.

    Args:
        start: where to begin; outside the home directory only the border ends the search.
    """
    home, device = home_folder(), start.stat().st_dev
    for folder in (start, *start.parents):
        if folder.stat().st_dev != device:
            return
        yield folder
        if folder == home:
            return


def writable_by_others(path: Path) -> str:
    """Why somebody else may have written a file; empty if only this user or root can have.

    The file and its folder must belong to one of them, and nobody else may write to either. A
    group that has no other member is the user's own.
    """
    if not hasattr(os, "getuid"):  # a system without owners and modes
        return ""
    for one in (path, path.parent):
        found = one.stat()
        what = "it" if one == path else f"its folder {one}"
        if found.st_uid not in (os.getuid(), _ROOT):
            return f"{what} belongs to another user ({_user(found.st_uid)})"
        if found.st_mode & stat.S_IWOTH:
            return f"everybody may write to {what}"
        if found.st_mode & stat.S_IWGRP and (others := _others_in(found.st_gid)):
            return f"the group {others} may write to {what}"
    return ""


def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _others_in(number: int) -> str:
    """The name of a group that isn't this user's own alone."""
    import grp

    if number == _ROOT:
        return ""
    try:
        group = grp.getgrgid(number)
    except KeyError:
        return str(number)
    me = _user(os.getuid())
    return "" if group.gr_name == me and set(group.gr_mem) <= {me} else group.gr_name
