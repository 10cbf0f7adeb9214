"""What the platform says of a run."""

from __future__ import annotations

import shutil
import subprocess
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

from flowenv import State, Status
from flowenv.plugin import Outcome, without_record

_POLL = 0.1


def _remove(folder: Path, process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:  # a run that nobody waits for still needs its files
        shutil.rmtree(folder, ignore_errors=True)


class ProcessHandle:
    """A handle on a run that is a local process.

    Args:
        run_id: the run.
        process: its process.
        folder: where its log and outcome are; removed with the handle, or when Python ends.
        grace: seconds that it has to end by itself when it is cancelled.
    """

    def __init__(
        self, run_id: str, process: subprocess.Popen[bytes], folder: Path, grace: float
    ) -> None:
        self.reference = run_id
        self._process = process
        self._folder = folder
        self._grace = grace
        self._cancelled = False
        weakref.finalize(self, _remove, folder, process)

    def status(self) -> Status:
        """What is known of the run now."""
        exit_code = self._process.poll()
        if exit_code is None:
            return Status(State.RUNNING)
        if outcome := self.outcome():
            return outcome.status(cancelled=self._cancelled)
        if self._cancelled:
            return Status(State.CANCELLED)
        return without_record(exit_code, "\n".join(self.logs()))

    def follow(self, timeout: float | None = None) -> Iterator[Status]:
        """The current status, and the final one."""
        yield self.status()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return
        yield self.status()

    def logs(self, *, follow: bool = False) -> Iterator[str]:
        """The lines of the log, without line ends."""
        over, rest = False, ""
        with (self._folder / "log").open() as log:
            while not over:
                over = not follow or self._process.poll() is not None
                *lines, rest = (rest + log.read()).split("\n")
                yield from lines
                if not over:
                    time.sleep(_POLL)
        if rest:
            yield rest

    def outcome(self) -> Outcome | None:
        """The record that the flow's process left."""
        path = self._folder / "outcome.json"
        return Outcome.from_text(path.read_bytes(), self.reference) if path.exists() else None

    def cancel(self) -> None:
        """Ask the process to stop; kill it when it doesn't."""
        self._cancelled = True
        self._process.terminate()
        try:
            self._process.wait(self._grace)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
