"""Ctrl-C and requests to stop: one meaning, and when they take effect."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def install() -> None:
    """Make SIGTERM and SIGHUP interrupt as Ctrl-C does; a signal that is ignored stays so."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    _say("")
    raise KeyboardInterrupt


def _say(text: str) -> None:
    """Say something from a signal handler, where `print` isn't safe; a terminal shows ^C."""
    start = "\n" if os.isatty(2) else ""
    end = "\n" if text else ""
    with suppress(OSError):  # nobody may be there to hear it
        os.write(2, f"{start}{text}{end}".encode())


def leave_at_once(exit_code: int) -> None:
    """From now on an interrupt ends the process, whatever still waits for its threads."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: os._exit(exit_code))


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
    pending = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal pending
        if pending:
            _interrupt(number, frame)
        pending = True
        _say(notice)

    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in handlers.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if pending:
        raise KeyboardInterrupt
