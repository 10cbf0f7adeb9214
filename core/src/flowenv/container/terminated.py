"""What a signal raises in the flow's process."""

from __future__ import annotations

import signal


class Terminated(KeyboardInterrupt):
    """The platform asked this process to stop (SIGTERM), or somebody pressed Ctrl-C.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number
