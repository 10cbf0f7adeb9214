"""A signal's handler runs soon, whatever the main thread waits for."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType

_WAKE = signal.SIGURG
"""Without a meaning here, and ignored by everybody else."""
_PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0)
"""Seconds before each of the wake-up calls that follow a signal."""


def wake_for_signals() -> None:
    """Have Python's signal handlers run soon after a signal, in every case.

    Python notes a signal, and runs its handler in the main thread before that thread's next
    step. If the main thread is about to wait for a lock, as in `future.result()`, it has no
    next step, and the signal is lost until another one comes. On a busy machine that is no
    rare moment: a thread that gives way to another stays in it until the other one runs. So
    every signal is followed by wake-up calls, which end such a wait.

    To be called in the main thread; a second time it does nothing. Who uses Python's wake-up
    file descriptor for something else, as asyncio does for handlers of its own, takes
    precedence.
    """
    if signal.getsignal(_WAKE) is _wake:
        return
    heard, noted = os.pipe()
    os.set_blocking(noted, False)
    before = signal.set_wakeup_fd(noted, warn_on_full_buffer=False)
    if before != -1:
        signal.set_wakeup_fd(before)
        os.close(heard)
        os.close(noted)
        return
    signal.signal(_WAKE, _wake)
    threading.Thread(target=_follow, args=(heard,), name="signals", daemon=True).start()


def _wake(number: int, frame: FrameType | None) -> None:
    pass


def _follow(heard: int) -> None:
    main = threading.main_thread().ident
    assert main is not None
    while numbers := os.read(heard, 1024):
        if set(numbers) == {_WAKE}:
            continue
        for pause in _PAUSES:
            time.sleep(pause)
            signal.pthread_kill(main, _WAKE)
