"""The standard output, kept for the one thing that a program reads from it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def result_stream(*, alone: bool) -> Iterator[TextIO]:
    """Where results go.

    Args:
        alone: True if nothing else may: what a flow, its threads and its child processes
            print to the standard output goes to the standard error then.
    """
    if not alone:
        yield sys.stdout
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(kept), "w", encoding=sys.stdout.encoding) as stream:
            yield stream
    finally:
        sys.stdout.flush()  # while it is still the standard error
        os.dup2(kept, 1)
        os.close(kept)


def drop_output() -> None:
    """Let the standard output go nowhere from now on, as its reader has gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
