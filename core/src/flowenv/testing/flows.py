"""The flows that the conformance kit runs. They are in every image that has flowenv."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from flowenv.flows import flow


@flow
def add(a: int, b: int = 1) -> int:
    """Print a line and return a sum."""
    print("adding up", flush=True)
    return a + b


@flow
def fail(message: str = "no such luck") -> None:
    """Raise an exception, as users' flows do."""
    raise ValueError(message)


@flow
def crash() -> None:
    """End the process behind Python's back, as an out-of-memory kill does."""
    os._exit(9)


@flow
def variable_digest(name: str) -> str | None:
    """The SHA-256 of an environment variable's value, or None if it isn't set."""
    value = os.environ.get(name)
    return None if value is None else hashlib.sha256(value.encode()).hexdigest()


@flow
def wait_for_ever(started: str = "") -> None:
    """Say that it has started, then never end by itself."""
    print("waiting", flush=True)
    if started:
        Path(started).touch()
    while True:
        time.sleep(0.05)
