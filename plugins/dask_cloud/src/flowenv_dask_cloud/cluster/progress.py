"""What a user sees while the minutes of a cluster's start pass."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from flowenv.plugin import State, Status

if TYPE_CHECKING:
    from flowenv.plugin import FlowRun

_log = logging.getLogger("flowenv.dask_cloud")

_REMIND = 10.0
"""Seconds after which the log says again what is waited for."""


class Progress:
    """Says what is being made: in the run's status, and in the log.

    Args:
        flow_run: whose status is kept up to date.
    """

    def __init__(self, flow_run: FlowRun) -> None:
        self._run = flow_run
        self._started = self._said = time.monotonic()
        self.text = ""

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def say(self, text: str) -> None:
        """Something new is being made or waited for."""
        if text == self.text:
            return
        self.text = text
        self._said = time.monotonic()
        _log.info("%s", text)
        self._run.observe(Status(State.STARTING, message=text))

    def closing(self, text: str) -> None:
        """The flow is over; what is left to do doesn't change the run's status."""
        self.text = text
        self._said = time.monotonic()

    def still(self) -> None:
        """Nothing new; every now and then the log says so."""
        if time.monotonic() - self._said > _REMIND:
            self._said = time.monotonic()
            _log.info("%s (for %.0f s)", self.text, self.seconds)

    def running(self, dashboard: str) -> None:
        """The cluster is up, and the flow begins."""
        text = f"Dask dashboard: {dashboard}" if dashboard else ""
        _log.info("The cluster is up after %.1f s. %s", self.seconds, text)
        self._run.observe(Status(State.RUNNING, message=text))
