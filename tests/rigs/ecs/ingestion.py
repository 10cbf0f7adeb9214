"""CloudWatch's way from a line that was sent to one that can be read, which takes its time."""

import contextlib
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

from .clock import Clock
from .errors import AwsError
from .moto_backend import Moto


class Ingestion:
    """Events on their way. `latency` is the time that new ones take, on the rig's clock.

    They keep the time at which they were written, as with CloudWatch.
    """

    def __init__(self, moto: Moto, clock: Clock) -> None:
        self.moto = moto
        self.latency = 0.0
        self._clock = clock
        self._sent: deque[tuple[float, str, Mapping[str, Any]]] = deque()
        self._lock = threading.Lock()

    def put(self, region: str, parameters: Mapping[str, Any]) -> None:
        """Take PutLogEvents' parameters; events of a group that is gone on arrival are lost."""
        with self._lock:
            self._sent.append((self._clock.now() + self.latency, region, parameters))
        self.deliver()

    def deliver(self) -> None:
        """Let everything arrive that is due, in the order in which it was sent."""
        with self._lock:
            while self._sent and self._sent[0][0] <= self._clock.now():
                _due, region, parameters = self._sent.popleft()
                with contextlib.suppress(AwsError):
                    self.moto.call("logs", "PutLogEvents", parameters, region)
