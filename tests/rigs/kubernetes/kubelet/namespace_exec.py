# ruff: noqa: PTH101, PTH102, PTH103, PTH110, PTH112, PTH114, PTH115, PTH116, PTH120, PTH123, PTH208, PTH211
"""Run a command with files and directories mounted where a container has them.

Called as ``python -I -S namespace_exec.py SPECIFICATION COMMAND…``. The specification is a JSON
file: ``mounts`` (lists of source, target and whether it is read-only), ``cwd``, ``scratch`` (an
empty directory) and ``error`` (a file that gets the reason if the command can't be run).

The mounts are in a mount namespace of the process, so nobody else sees them, and a target that
doesn't exist is made without a trace on the machine: the directory above it is covered by a
temporary file system that shows its old contents and the new entry. Without root the namespace
belongs to a user namespace in which the user is the same; where the machine forbids that, this
fails and the kubelet takes another way.

It only needs the standard library, and starts in about 20 ms; pathlib would double that (PTH).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import sys
from typing import Any

_NEW_MOUNTS, _NEW_USERS = 0x00020000, 0x10000000
_READ_ONLY, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000
_START_ERROR = 128

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(source: str, target: str, kind: str, flags: int) -> None:
    arguments = (os.fsencode(source), os.fsencode(target), kind.encode(), flags, None)
    _checked(_libc.mount(*arguments), f"mount {source} at {target}")


def enter_namespace() -> None:
    """Leave the machine's mounts for a copy of them."""
    user, group = os.geteuid(), os.getegid()
    if user != 0:
        _checked(_libc.unshare(_NEW_USERS), "new user namespace")
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    _checked(_libc.unshare(_NEW_MOUNTS), "new mount namespace")
    _mount("none", "/", "", _RECURSIVE | _PRIVATE)


def _show(source: str, target: str) -> None:
    """Make an entry of one directory appear in another."""
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
        return
    if os.path.isdir(source):
        os.mkdir(target)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    _mount(source, target, "", _BIND | _RECURSIVE)


def _cover(directory: str, scratch: str) -> None:
    """Cover a directory by one with the same entries that more can be added to."""
    names = os.listdir(directory)
    place = scratch if directory == "/" else directory
    original = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    mode = os.stat(directory).st_mode & 0o7777
    _mount("tmpfs", place, "tmpfs", 0)
    for name in names:
        with contextlib.suppress(FileNotFoundError):  # it went meanwhile
            _show(f"/proc/self/fd/{original}/{name}", f"{place}/{name}")
    os.chmod(place, mode)
    os.close(original)
    if directory == "/":
        os.chroot(scratch)
        os.chdir("/")


def _make_target(target: str, is_directory: bool, scratch: str) -> str:
    """Make sure that a target exists; return it with its symbolic links resolved."""
    target = os.path.realpath(target)
    if os.path.exists(target):
        return target
    above = os.path.dirname(target)
    while not os.path.isdir(above):
        above = os.path.dirname(above)
    if not os.path.ismount(above) or above not in _COVERED:
        _cover(above, scratch)
        _COVERED.add(above)
    if is_directory:
        os.makedirs(target)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    return target


_COVERED: set[str] = set()


def mount_all(mounts: list[list[Any]], scratch: str) -> None:
    """Make the mounts, in this order."""
    # Sources are opened first: a cover may hide the directory that they are in.
    sources = [os.open(source, os.O_PATH) for source, _, _ in mounts]
    for handle, (_, target, read_only) in zip(sources, mounts, strict=True):
        place = _make_target(target, os.path.isdir(f"/proc/self/fd/{handle}"), scratch)
        _mount(f"/proc/self/fd/{handle}", place, "", _BIND | _RECURSIVE)
        if read_only:
            # A user namespace may not change the flags of some of the machine's mounts.
            with contextlib.suppress(OSError):
                _mount("none", place, "", _BIND | _REMOUNT | _READ_ONLY)
        os.close(handle)


def main() -> None:
    """Make the mounts and become the command."""
    with open(sys.argv[1]) as file:
        specification = json.load(file)
    command = sys.argv[2:]
    error = os.open(specification["error"], os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC)
    try:
        enter_namespace()
        mount_all(specification["mounts"], specification["scratch"])
        os.chdir(specification["cwd"])
        os.execvp(command[0], command)
    except OSError as failure:
        os.write(error, (failure.strerror or str(failure)).encode())
    sys.exit(_START_ERROR)


if __name__ == "__main__":
    main()
