"""The first step in the flow's container: hear the platform before anything else is imported.

A process 1 without a handler ignores SIGTERM, so what is cancelled before there is one lives as
long as the platform's patience. This module and the package itself import next to nothing.
"""

from __future__ import annotations

import io
import signal
import sys

from flowenv.signals.terminated import Terminated

TYPE_CHECKING = False  # as type checkers know it: `typing` itself takes its time
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def load_and_run_flow() -> NoReturn:
    """Run the flow that this process was started for, and exit.

    The payload is where `FLOWENV_PAYLOAD` says. SIGTERM interrupts the flow: `on_exit` is
    called and everything open is closed. The outcome record goes to the file that
    `FLOWENV_OUTCOME` names, else it is the last line printed.

    Raises:
        SystemExit: with 0 if the flow returned, 1 if it raised, 3 if it could not be
            started, 143 if the process was asked to stop.
    """
    asked: list[Terminated] = []

    def terminate(number: int, frame: FrameType | None) -> None:
        # the clean-up that follows must not be interrupted again: the platform's own patience,
        # after which it kills, is its deadline
        _ignore_signals()
        asked.append(Terminated(number))
        raise asked[0]

    try:
        for number in _SIGNALS:
            signal.signal(number, terminate)
        # who started this process may have blocked them, and a mask is inherited
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        # what is printed is seen at once, and isn't lost when this process is killed
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)
        from flowenv.container.run_payload import run_container

        outcome = run_container()
        _ignore_signals()
        if asked:
            from flowenv.container.own_outcome import unless_completed

            outcome = unless_completed(outcome, asked[0])
    except KeyboardInterrupt as error:  # even between the end of the flow and this line
        from flowenv.container.own_outcome import interrupted

        outcome = interrupted(error)
    from flowenv.container.own_outcome import leave

    leave(outcome)


def _ignore_signals() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
