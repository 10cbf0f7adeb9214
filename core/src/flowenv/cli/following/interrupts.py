"""Ctrl-C and requests to stop: the first interrupts, the second leaves, the third at any cost.

Each signal handler puts the next one into place. Signals that arrive together are one request:
`timeout` sends its signal to the process and then to its group, and a service manager or a
terminal that is closed may send two of a kind.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from types import FrameType
from typing import NoReturn

from flowenv.signals.terminated import Terminated
from flowenv.signals.waking import wake_for_signals

INTERRUPTED = 130
_TOGETHER = {signal.SIGINT: 0.2, signal.SIGTERM: 1.0, signal.SIGHUP: 1.0}
"""Seconds after another one in which a signal is no new request; who presses Ctrl-C twice means
it."""
_SIGNALS = tuple(_TOGETHER)

Handler = Callable[[int, FrameType | None], None]


def install() -> None:
    """Make SIGTERM and SIGHUP interrupt as Ctrl-C does; a signal that is ignored stays so."""
    _use(_first)
    wake_for_signals()


def is_over() -> None:
    """From now on an interrupt ends the process, whatever it still waits for."""
    _use(_leave)


def came_twice() -> bool:
    """True if the user has interrupted the clean-up too."""
    return any(signal.getsignal(number) is _leave for number in _SIGNALS)


def _not_wiped() -> bool:
    return False


_is_wiped: Callable[[], bool] = _not_wiped
"""Whether the line of the cursor, in which a terminal shows ^C, is one that is wiped anyway."""


@contextmanager
def echoed_into(is_drawn: Callable[[], bool]) -> Iterator[None]:
    """A block in which the cursor may be in lines that are wiped.

    Args:
        is_drawn: whether they are there now.
    """
    global _is_wiped
    _is_wiped = is_drawn
    try:
        yield
    finally:
        _is_wiped = _not_wiped


def leave() -> NoReturn:
    """End this process and its workers without waiting for anything."""
    if "multiprocessing" in sys.modules:
        import multiprocessing

        for child in multiprocessing.active_children():
            child.kill()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    if _is_wiped():  # no more: the prompt shall stand below
        with suppress(OSError):
            os.write(2, b"\n")
    os._exit(INTERRUPTED)


def _use(handler: Handler) -> None:
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


_last = float("-inf")
"""When the last request came, by the monotonic clock."""


def _each(handler: Handler) -> Handler:
    """A handler that is called once for signals that arrive together."""

    @wraps(handler)
    def handle(number: int, frame: FrameType | None) -> None:
        global _last
        now = time.monotonic()
        if now - _last >= _TOGETHER[signal.Signals(number)]:
            _last = now
            handler(number, frame)

    return handle


@_each
def _first(number: int, frame: FrameType | None) -> None:
    _use(_second)
    _say("")
    raise Terminated(number)


@_each
def _second(number: int, frame: FrameType | None) -> None:
    _use(_leave)
    _say("")
    raise Terminated(number)


@_each
def _leave(number: int, frame: FrameType | None) -> None:
    leave()


def _say(text: str) -> None:
    """Say something from a signal handler, where `print` isn't safe; a terminal shows ^C."""
    start = "\n" if os.isatty(2) and not _is_wiped() else ""
    end = "\n" if text else ""
    with suppress(OSError):  # nobody may be there to hear it
        os.write(2, f"{start}{text}{end}".encode())


@contextmanager
def deferred(notice: str) -> Iterator[None]:
    """Put the first interrupt off until the end of the block; a second one takes effect.

    Args:
        notice: what to tell the user when the first one comes.

    Raises:
        KeyboardInterrupt: at the end of the block, if there was one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came = 0

    @_each
    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came += 1
        if came > 1:
            _use(_leave)
            _say("")
            raise Terminated(number)
        _say(notice)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    _use(note)
    try:
        yield
    finally:
        if came == 0:
            for number, handler in before.items():
                signal.signal(number, handler)
        elif came == 1:
            _use(_second)
    if came:
        raise KeyboardInterrupt
