"""Telling plugins of changes of state, from threads of their own: none of them can hurt a run.

Each plugin is told in order, by a thread that lives while there is something to tell. What a
plugin raises is logged, what hangs is named, and at the end it is waited for, but not for long.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flowenv.hooks.plugin_log import plugin_log
from flowenv.hooks.slowness import named_if_slow

HOOK = "flowenv_state_changed"
LAST_WAIT = 5.0
"""Seconds that all notifiers together have, at the end, for what they haven't been told yet."""

Call = Callable[[], object]


class Notifier:
    """Tells one plugin of one thing after the other.

    Args:
        name: how messages name the plugin.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._waiting: deque[Call] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._shown: set[type[BaseException]] = set()

    def tell(self, call: Call) -> None:
        """Call it from the plugin's thread, behind what is waiting already."""
        with self._lock:
            self._waiting.append(call)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)
                _Notifiers.busy.add(self)
                self._thread.start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    _Notifiers.busy.discard(self)
                    return
                call = self._waiting.popleft()
            try:
                with named_if_slow(self.name, HOOK, "No run waits for it."):
                    call()
            except BaseException as error:  # whatever it is, it is the plugin's alone
                self._say(error)

    def _say(self, error: BaseException) -> None:
        """A line for each failure; where it came from once for each kind of them."""
        is_known = type(error) in self._shown
        self._shown.add(type(error))
        if (frames := error.__traceback__) is not None:
            error.__traceback__ = frames.tb_next  # the plugin's own part
        said = f"{type(error).__name__}: {error}"
        frames_too = None if is_known else error
        plugin_log().error("%s failed in %s: %s", self.name, HOOK, said, exc_info=frames_too)

    def flush(self, end: float) -> None:
        """Wait until everything is told; if that takes too long, say so.

        Args:
            end: until when, as `time.monotonic` has it.
        """
        thread = self._thread
        if thread is None:
            return
        thread.join(max(0.0, end - time.monotonic()))
        if thread.is_alive():
            _Notifiers.busy.discard(self)  # nobody waits for it again
            plugin_log().warning(
                "%s was left in %s: it isn't done %g s after the end.", self.name, HOOK, LAST_WAIT
            )


class _Notifiers:
    """All notifiers of this process that have something to tell, and what is held back."""

    busy: set[Notifier] = set()  # noqa: RUF012 - one a process
    held: list[tuple[Notifier, Call]] | None = None


def tell(notifier: Notifier, call: Call, *, is_end: bool) -> None:
    """Have a plugin told of a state.

    Args:
        notifier: the plugin's.
        call: the hook with its arguments.
        is_end: True for a run's final state.
    """
    if is_end and _Notifiers.held is not None:
        _Notifiers.held.append((notifier, call))
    else:
        notifier.tell(call)


def flush() -> None:
    """Let the plugins be told of what is left, within `LAST_WAIT` seconds."""
    held, _Notifiers.held = _Notifiers.held, None
    for notifier, call in held or ():
        notifier.tell(call)
    end = time.monotonic() + LAST_WAIT
    for notifier in list(_Notifiers.busy):
        notifier.flush(end)


@contextmanager
def lines_first() -> Iterator[None]:
    """Within the block plugins aren't told of ends; at its end, with the lines out, they are."""
    _Notifiers.held = []
    try:
        yield
    except BaseException:
        flush()
        raise
    try:
        flush()
    except KeyboardInterrupt:
        return  # the run is over and has been reported


def _forget() -> None:
    """In a forked process: the threads are the other's, and so is what they tell."""
    _Notifiers.busy, _Notifiers.held = set(), None


atexit.register(flush)
os.register_at_fork(after_in_child=_forget)
