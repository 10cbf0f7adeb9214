"""The rig's own clock: it runs as the machine's does, and tests can let time pass at once."""

import threading
import time


class Clock:
    """Seconds, only to be compared with each other."""

    def __init__(self) -> None:
        self._passed = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """The seconds so far."""
        with self._lock:
            return time.monotonic() + self._passed

    def advance(self, seconds: float) -> None:
        """Let time pass at once."""
        with self._lock:
            self._passed += seconds
