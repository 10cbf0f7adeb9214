"""A thread that follows a run's log."""

from __future__ import annotations

import threading

from flowenv.runs.flow_run import FlowRun
from rigs.kubernetes import KubernetesRig


class Reader(threading.Thread):
    """Follows a run's log, so that a test can wait for lines."""

    def __init__(self, run: FlowRun, rig: KubernetesRig) -> None:
        super().__init__(daemon=True)
        self.lines: list[str] = []
        self.error: Exception | None = None
        self._run, self._rig = run, rig
        self.start()

    def run(self) -> None:
        """Read."""
        try:
            self.lines.extend(iter(self._run.logs(follow=True)))
        except Exception as error:
            self.error = error

    def saw(self, line: str) -> None:
        """Wait until a line is there."""
        self._rig.wait_until(lambda: line in self.lines, f"the line {line!r}")

    def all(self) -> list[str]:
        """Wait for the log's end, and return its lines."""
        self.join(20)
        assert not self.is_alive()
        assert self.error is None, repr(self.error)
        return self.lines
