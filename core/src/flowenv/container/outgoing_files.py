"""What a flow has left in its output folder, on its way: to `results_url`, or in the log."""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from flowenv.container.outgoing_result import Ways, to_log
from flowenv.errors import FlowenvError
from flowenv.results.document import digest
from flowenv.results.output_files import (
    LARGEST,
    LONGEST_PATH,
    MOST_FILES,
    compressed,
    is_name,
    packed,
)
from flowenv.results.record.outcome import Outcome

_log = logging.getLogger("flowenv")

_LONGEST_REASON = 300


def send_files(outcome: Outcome, folder: Path, ways: Ways) -> Outcome:
    """The outcome with where the files went, or why they stayed behind.

    Args:
        outcome: of the run, so far.
        folder: the output folder.
        ways: where a result can go, and its files.
    """
    try:
        files = list(_read(folder))
    except _TooMuch as error:
        return _left(outcome, str(error))
    if not files:
        return outcome
    if ways.is_rehearsal:
        names = ", ".join(name for name, _ in files)
        _log.info("Files that would come back: %s", names)
        return outcome
    document = packed(files)
    if ways.results_url:
        from flowenv.results.object_urls import Kept, object_url
        from flowenv.serialization import storage

        content = compressed(document)
        try:
            storage.write(object_url(ways.results_url, outcome.run_id, Kept.FILES), content)
        except FlowenvError as error:
            return _left(outcome, error.message)
        return replace(outcome, files_stored=digest(content))
    if not ways.in_log:
        return _left(outcome, "nothing that its platform keeps takes files")
    if why := to_log(outcome.run_id, document, ways.log_file):
        return _left(outcome, why.replace("it has", "they have", 1))
    return replace(outcome, files_logged=digest(document))


class _TooMuch(Exception):
    """The files are too many, or too large."""


def _left(outcome: Outcome, why: str) -> Outcome:
    _log.warning("The files that the flow left stay behind: %s", why)
    return replace(outcome, files_left=why[:_LONGEST_REASON])


def _read(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Each file with its name; what is none is said in the log."""
    room, count = LARGEST, 0
    for name in _names(folder):
        content = _content(folder, name, room)
        if content is None:
            continue
        room, count = room - len(content), count + 1
        if room < 0:
            raise _TooMuch(f"they have more than {LARGEST:,} bytes together")
        if count > MOST_FILES:
            raise _TooMuch(f"there are more than {MOST_FILES:,}")
        yield name, content


def _names(folder: Path) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        inner = Path(place).relative_to(folder)
        for name in sorted(names):
            yield (inner / name).as_posix()
        for name in folders:
            if Path(place, name).is_symlink():
                _stays((inner / name).as_posix(), "it is a symbolic link")


def _content(folder: Path, name: str, room: int) -> bytes | None:
    """A file's content, one byte more than there is room for if it is too large; None for none."""
    if not is_name(name):
        if len(name) > LONGEST_PATH:
            _stays(name, f"with its folders its name is longer than {LONGEST_PATH:,} characters")
        else:
            _stays(name, "its name has a backslash, a control character or a byte that is no text")
        return None
    try:
        # what isn't a file is opened without waiting for its other end
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                return file.read(room + 1)
        _stays(name, "it is no file")
    except OSError as error:
        is_link = error.errno == errno.ELOOP
        _stays(name, "it is a symbolic link" if is_link else error.strerror or str(error))
    return None


def _stays(name: str, why: str) -> None:
    _log.warning("%r in the output folder stays behind: %s.", name, why)
