"""A container's process that is only rehearsed ends with the one that has started it."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import threading
from pathlib import Path

from flowenv import contract

GRACE = 30.0
"""Seconds between the request to stop and the end by force, as platforms have it."""


def end_with_starter() -> None:
    """In a rehearsal: stop as soon as nobody is there any more who would hear of the outcome.

    What the flow has put into a session of its own, such as a daemon, goes on.
    """
    descriptor = os.environ.get(contract.REHEARSAL, "")
    if descriptor.isdecimal():
        folder = Path(os.environ[contract.PAYLOAD]).parent  # the flow may clear its variables
        threading.Thread(
            target=_watch, args=(int(descriptor), folder), name="starter", daemon=True
        ).start()


def _watch(descriptor: int, folder: Path) -> None:
    try:
        os.read(descriptor, 1)  # nobody ever writes: it ends when the other end is closed
    except OSError:
        return  # this process was started by somebody else
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE)
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(os.getpgid(0), signal.SIGKILL)
