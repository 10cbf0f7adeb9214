"""All that a command says, writes, starts and leaves behind, to be searched for a secret."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from flowenv.cli import run_app

_heard: Heard | None = None


class Heard(logging.Handler):
    """What was said since it began to listen.

    Attributes:
        logs: what all loggers said, at all levels, as a formatter would write it.
        removed: the files that were removed, and what they held.
        commands: of all processes that were started: the arguments.
        environments: of the same processes: the variables.
    """

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.logs: list[str] = []
        self.removed: dict[str, str] = {}
        self.commands: list[str] = []
        self.environments: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record as text, with the arguments that another formatter might show."""
        self.logs.append(f"{self.format(record)} {record.args!r}")

    def notice(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Keep what Python is about to do."""
        if event == "os.remove":
            path = Path(os.fsdecode(arguments[0]))
            if path.is_file():
                self.removed[str(path)] = path.read_bytes().decode(errors="replace")
        elif event == "subprocess.Popen":
            _, command, _, environment = arguments
            self.commands.append(repr(command))
            self.environments.append(repr(dict(os.environ if environment is None else environment)))
        elif event in ("os.system", "os.exec", "os.posix_spawn"):
            self.commands.append(repr(arguments[:2]))


@contextmanager
def listening() -> Iterator[Heard]:
    """Listen to what this process logs, removes and starts in the block."""
    global _heard
    root, heard = logging.getLogger(), Heard()
    before = root.level
    root.addHandler(heard)
    root.setLevel(logging.DEBUG)
    _heard = heard
    try:
        yield heard
    finally:
        _heard = None
        root.setLevel(before)
        root.removeHandler(heard)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _heard is not None and event in _EVENTS:
        _heard.notice(event, arguments)


_EVENTS = frozenset({"os.remove", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"})
sys.addaudithook(_audit)  # it can't be taken away again


def said_by(*arguments: str) -> str:
    """What a `flowenv` command prints."""
    with CliRunner().isolation() as streams:
        run_app(arguments)
        sys.stdout.flush()
        sys.stderr.flush()
        return streams[2].getvalue().decode()


def files_below(*folders: Path) -> Iterator[tuple[Path, str]]:
    """The files in folders, and what they hold."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                yield path, path.read_bytes().decode(errors="replace")
