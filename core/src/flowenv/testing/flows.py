"""The flows that the conformance kit runs. They are in every image that has flowenv."""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from pathlib import Path

from flowenv.flows.definition import flow


@flow
def add(a: int, b: int = 1) -> int:
    """Print a line and return a sum."""
    print("adding up")
    return a + b


@flow
def fail(message: str = "no such luck") -> None:
    """Raise an exception, as users' flows do."""
    raise ValueError(message)


@flow
def crash() -> None:
    """Print a line and end the process behind Python's back, as an out-of-memory kill does."""
    print("dying")
    os._exit(9)


@flow
def variable_digests(names: list[str]) -> dict[str, str | None]:
    """The SHA-256 of each environment variable's value; None for one that isn't set."""
    return digests(names)


def digests(names: list[str]) -> dict[str, str | None]:
    """What `variable_digests` returns, of the process in which this is called."""
    values = {name: os.environ.get(name) for name in names}
    return {
        name: None if value is None else hashlib.sha256(value.encode()).hexdigest()
        for name, value in values.items()
    }


@flow
def execution(folder: str, seconds: float = 1.0) -> str:
    """Leave a mark in a folder, if it can be seen from here, and return the mark's name.

    Args:
        folder: where each execution leaves a mark of its own.
        seconds: how long to wait for another execution's mark, so that both are counted.
    """
    print("executing")
    marks, name = Path(folder), uuid.uuid4().hex
    if marks.is_dir():
        (marks / name).touch()
        end = time.monotonic() + seconds
        while len(list(marks.iterdir())) < 2 and time.monotonic() < end:
            time.sleep(0.05)
    return name


@flow
def wait_for_ever() -> None:
    """Print a line, then never end by itself."""
    print("waiting")
    while True:
        time.sleep(0.05)


def announce() -> None:
    """A callback for `on_start` and `on_exit`."""
    print("announced")
