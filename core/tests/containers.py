"""Processes that run a payload as a flow's container does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flowenv import contract
from flowenv.contract.process import COMMAND
from flowenv.payload.packing import pack
from flowenv.results.record.outcome import Outcome
from flowenv.runs.flow_run import FlowRun

DEADLINE = 60.0


@dataclass(frozen=True)
class Ended:
    """How a container's process ended."""

    exit_code: int
    stdout: str
    stderr: str
    outcome: Outcome | None


class Container:
    """One process with the container's own command, in an empty folder.

    Args:
        folder: where its files are.
        run: what to pack as its payload; None for none.
        variables: more environment variables.
        outcome_file: False to have the outcome as a log line.
    """

    def __init__(
        self,
        folder: Path,
        run: FlowRun | None = None,
        *,
        variables: dict[str, str] | None = None,
        outcome_file: bool = True,
    ) -> None:
        self.folder = folder / "container"
        (self.folder / "bin").mkdir(parents=True)
        (self.folder / "work").mkdir()
        # not a link: Python finds its packages from where it is called
        python = self.folder / "bin" / "python"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        self._run_id = run.id if run else "the-run"
        self._outcome = self.folder / "outcome.json"
        given = {
            "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
            contract.FLOW_RUN_ID: self._run_id,
            contract.PAYLOAD: str(self.folder / "payload.json"),
        }
        if outcome_file:
            given[contract.OUTCOME] = str(self._outcome)
        if run:
            (self.folder / "payload.json").write_bytes(pack(run))
        self.process = subprocess.Popen(
            COMMAND,
            env={**given, **(variables or {})},
            cwd=self.folder / "work",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait(self) -> Ended:
        """Wait for its end."""
        try:
            stdout, stderr = self.process.communicate(timeout=DEADLINE)
        finally:
            self.process.kill()
        text = self._outcome.read_bytes() if self._outcome.exists() else stdout
        outcome = Outcome.from_text(text, self._run_id)
        return Ended(self.process.returncode, stdout, stderr, outcome)

    def terminate_when(self, path: Path) -> Ended:
        """Send SIGTERM as soon as a file is there, and wait for the end."""
        self.wait_for(path)
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait_for(self, path: Path) -> None:
        """Wait until the process has made a file."""
        wait_until(lambda: path.exists() or self.process.poll() is not None)
        assert path.exists(), self.wait()


def wait_until(condition: Callable[[], object], timeout: float = DEADLINE) -> None:
    """Look again and again until a condition holds."""
    over = threading.Event()
    waited = 0.0
    while not condition():
        assert waited < timeout, "it never came to that"
        over.wait(0.005)
        waited += 0.005


def is_alive(pid: int) -> bool:
    """True if there is such a process that isn't only waiting to be reaped."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
