"""For a submitter that is killed on the way: what `kill -9`, or a lost machine, does to it."""

from __future__ import annotations

import functools
import importlib
import os
import signal
from typing import Any


def die() -> None:
    """End this process as if it were killed: nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(point: str, when: str) -> None:
    """Have this process killed when it comes to a function.

    Args:
        point: `package.module:name` or `package.module:Class.method`.
        when: `before` or `after` the function has run.
    """
    module, _, path = point.partition(":")
    *outer, name = path.split(".")
    owner = functools.reduce(getattr, outer, importlib.import_module(module))
    right = getattr(owner, name)

    @functools.wraps(right)
    def deadly(*args: Any, **kwargs: Any) -> Any:
        if when == "after":
            right(*args, **kwargs)
        die()

    setattr(owner, name, deadly)
