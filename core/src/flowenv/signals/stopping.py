"""A process that is asked to end while a flow runs in it closes what is open first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from flowenv.signals.terminated import Terminated
from flowenv.signals.waking import wake_for_signals

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def closed_before_the_end() -> Iterator[None]:
    """Have SIGTERM and SIGHUP interrupt the block, which closes what it has open.

    Then the process ends by the signal, as it would have at once without this. Handlers that
    somebody has installed stay, and outside of the main thread there can be none.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    deadly = [one for one in _SIGNALS if signal.getsignal(one) is signal.SIG_DFL]
    came: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if len(came) == 1:  # the closing itself isn't interrupted
            raise Terminated(number)

    try:
        for one in deadly:
            signal.signal(one, interrupt)
        if deadly:
            wake_for_signals()
        yield
    finally:
        for one in deadly:
            signal.signal(one, signal.SIG_DFL)
        if came:
            signal.raise_signal(came[0])
