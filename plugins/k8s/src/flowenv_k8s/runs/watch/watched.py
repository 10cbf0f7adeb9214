"""A run's place in the shared watch, for who looks at the run now and then."""

from __future__ import annotations

import contextlib
import sys
import threading
import weakref
from contextlib import AbstractContextManager
from typing import TypeVar

from flowenv_k8s.runs.watch.pod_updates import PodUpdates

T = TypeVar("T")


class Watched:
    """Joins the watch at the first look, and leaves it when it is told to, or is forgotten.

    Args:
        follow: gives the run's pods, kept up to date for as long as its block lasts.
    """

    def __init__(self, follow: AbstractContextManager[PodUpdates]) -> None:
        stack = contextlib.ExitStack()
        self.updates = stack.enter_context(follow)
        # whoever forgets it may hold the watch's lock just then
        self._leave = weakref.finalize(self, _later, stack)
        self._leave.atexit = False

    def leave(self) -> None:
        """Give up the place in the watch."""
        self._leave()


def _later(stack: contextlib.ExitStack) -> None:
    if sys.is_finalizing():
        return
    threading.Thread(target=stack.close, name="flowenv-unwatch", daemon=True).start()
