"""The standard output, kept for the one thing that a program reads from it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, TextIO, cast

RESULTS = "flowenv.results"
"""Where a command's context keeps the stream for its results."""


@contextmanager
def result_stream(*, alone: bool) -> Iterator[TextIO]:
    """Where results go.

    Args:
        alone: True if nothing else may: what a flow, plugins, their threads and child
            processes print to the standard output goes to the standard error then.
    """
    if sys.stdout is None:  # it is closed, and its number may be another file's by now
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - pathlib has its price
            yield nowhere
        return
    if not alone:
        yield sys.stdout
        return
    if not _is_stdout(sys.stdout):  # a caller in this process, such as a test, has replaced it
        stream = sys.stdout
        with redirect_stdout(sys.stderr):
            yield stream
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        encoding, errors = sys.stdout.encoding, sys.stdout.errors
        with os.fdopen(os.dup(kept), "w", encoding=encoding, errors=errors) as stream:
            yield stream
    finally:
        sys.stdout.flush()  # while it is still the standard error
        os.dup2(kept, 1)
        os.close(kept)


def _is_stdout(stream: TextIO) -> bool:
    try:
        return stream.fileno() == 1
    except (OSError, AttributeError):
        return False


class _Unread:
    """An output whose reader may leave: what comes after that goes nowhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            drop_output(self._stream.fileno())
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            drop_output(self._stream.fileno())


@contextmanager
def readers_may_leave() -> Iterator[None]:
    """A block in which a flow may print though nobody reads it any more: it goes on.

    That is so for a flow that runs elsewhere, too: `flowenv run flow.py | head`.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (stream and cast("TextIO", _Unread(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def drop_output(number: int = 1) -> None:
    """Let an output go nowhere from now on, as its reader has gone.

    Args:
        number: 1 for the standard output, 2 for the standard error.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
