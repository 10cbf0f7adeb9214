"""What a signal raises in a process in which a flow runs."""

from __future__ import annotations

import signal


class Terminated(KeyboardInterrupt):
    """The process is asked to stop, by its platform (SIGTERM) or by somebody's Ctrl-C.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def is_cancellation(self) -> bool:
        """True for Ctrl-C; the other signals don't say who asks, and why."""
        return self.number == signal.SIGINT
