"""A user's folder in which the tests call `flowenv` as a user does: as a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .forking import Forking

FLOWENV = str(Path(sys.executable).parent / "flowenv")
DEADLINE = 120.0
"""Seconds after which something that should have happened has not."""


class Ended(subprocess.CompletedProcess[str]):
    """How a call of `flowenv` ended."""

    @property
    def json(self) -> Any:
        """What it printed, which must be JSON and nothing else."""
        return json.loads(self.stdout)


class Running:
    """A call of `flowenv` that is still going on."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self._interrupted = False
        self._threads = [
            threading.Thread(target=lines.extend, args=(stream,), daemon=True)
            for lines, stream in ((self.stdout, process.stdout), (self.stderr, process.stderr))
        ]
        for thread in self._threads:
            thread.start()

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        """Press Ctrl-C: the signal goes to the whole foreground group, as from a terminal.

        A second one comes a moment after what the test has seen of the first: signals that
        arrive together are one, and a busy machine may have brought the first one late.
        """
        if self._interrupted:
            threading.Event().wait(0.25 if number is signal.SIGINT else 1.1)
        os.killpg(self.process.pid, number)
        self._interrupted = True

    def interrupt_twice_at_once(self, number: signal.Signals) -> None:
        """Signal the process, and then its group, as `timeout` does."""
        self.process.send_signal(number)
        os.killpg(self.process.pid, number)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def wait(self) -> Ended:
        """Wait for its end."""
        code = self.process.wait(DEADLINE)
        for thread in self._threads:
            thread.join(DEADLINE)
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()
        return Ended([], code, "".join(self.stdout), "".join(self.stderr))


class Project:
    """A folder with flows, and plugins that are installed for it alone."""

    def __init__(self, folder: Path, forking: Forking) -> None:
        self.forking = forking
        self.output = folder
        self.folder = folder / "project"
        self.site = folder / "site"
        self.fake = folder / "fake"
        for path in (self.folder, self.site, self.fake):
            path.mkdir()
        kept = ("FLOWENV_", "PREFECT__", "NO_COLOR", "FORCE_COLOR", "PYTHON", "COV_", "COVERAGE_")
        self.variables = {n: v for n, v in os.environ.items() if not n.startswith(kept)}
        self.variables |= {"PYTHONPATH": str(self.site), "FAKE_FOLDER": str(self.fake)}
        self.variables["XDG_STATE_HOME"] = str(folder / "state")

    def write(self, name: str, text: str) -> Path:
        """Write a file of the user's."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def install(
        self, name: str, source: str, *, distribution: str = "", group: str = "flowenv.backends"
    ) -> None:
        """Install a distribution whose entry point `name` is a module with this source."""
        distribution = distribution or f"third-party-{name}"
        module = distribution.replace("-", "_")
        (self.site / f"{module}.py").write_text(textwrap.dedent(source))
        metadata = self.site / f"{module}-1.5.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n"
        )
        (metadata / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}\n")

    def install_fake(self) -> None:
        """Install the backend `fake`."""
        self.install("fake", (Path(__file__).parent / "fake_backend.py").read_text())

    def end_runs(self) -> None:
        """End what a failed test has left of the backend `fake`."""
        for path in self.fake.glob("*/about"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(json.loads(path.read_text())["pid"], signal.SIGKILL)

    def flowenv(self, *arguments: str, **variables: str) -> Ended:
        """Call `flowenv`, and wait for it; its output is no terminal."""
        output = self.output
        given = {**self.variables, **variables}
        code = self.forking.call(arguments, self.folder, given, output)
        return Ended([], code, (output / "stdout").read_text(), (output / "stderr").read_text())

    def flowenv_anew(self, *arguments: str, **variables: str) -> Ended:
        """Call `flowenv` as a shell does: Python starts, and imports what is there."""
        with self.start(*arguments, **variables) as running:
            return running.wait()

    @contextlib.contextmanager
    def start(self, *arguments: str, **variables: str) -> Iterator[Running]:
        """Call `flowenv` in a process group of its own, as a shell does, and go on."""
        process = subprocess.Popen(
            [FLOWENV, *arguments],
            cwd=self.folder,
            env={**self.variables, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        running = Running(process)
        try:
            yield running
        finally:
            if process.poll() is None:  # a test has failed
                os.killpg(process.pid, signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(5)
                process.kill()
            running.wait()

    def shell(self, shell: str, script: str) -> str:
        """What a script prints in a shell that has `flowenv` on its PATH."""
        found = shutil.which(shell)
        assert found
        variables = {**self.variables, "PATH": f"{Path(FLOWENV).parent}:{os.environ['PATH']}"}
        return subprocess.run(
            [found, "-c", script],
            cwd=self.folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout


def eventually(condition: Any, what: str) -> Any:
    """Wait until a condition holds, and return what it gave."""
    end = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < end, f"{what} has not happened"
        threading.Event().wait(0.01)
    return found


def is_gone(pid: int) -> bool:
    """True if there is no such process any more, or only its exit code."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"
