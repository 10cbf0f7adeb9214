"""A run as a folder: run.json, payload.json, pid, log, outcome.json, exit_code, cancelled."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flowenv import Reason, State, Status
from flowenv.handle import RunSummary
from flowenv.outcome import Outcome, without_record

_POLL = 0.05
_GRACE = 30.0

# the shell outlives the flow's process, whatever ends it, to write down its exit code
_SUPERVISE = (
    'trap : TERM; echo $$ >pid.new; mv pid.new pid; "$@" >log 2>&1; '
    "echo $? >exit.new; mv exit.new exit_code"
)


class FolderHandle:
    """A handle on the run whose folder it is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reference = folder.name.lstrip(".")

    def make(self, about: dict[str, Any], files: dict[str, bytes]) -> None:
        """Make the folder; it gets its name when it is complete, so nobody sees half of one."""
        new = self.folder.with_name(f".{self.folder.name}")
        new.mkdir(parents=True, mode=0o700)
        (new / "submitter").write_text(str(os.getpid()))
        (new / "run.json").write_text(json.dumps(about))
        for name, data in files.items():
            (new / name).write_bytes(data)
        new.rename(self.folder)

    def start(self, command: list[str], variables: dict[str, str]) -> None:
        """Start the run's process; it is its own session, so it outlives this process."""
        process = subprocess.Popen(
            ["/bin/sh", "-c", _SUPERVISE, "sh", *command],
            cwd=self.folder, env=variables, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        process.returncode = 0  # it is not this process's to wait for

    def summary(self) -> RunSummary:
        """The run as it was written down when it was submitted, and how it stands."""
        about = json.loads((self.folder / "run.json").read_text())
        created = datetime.datetime.fromisoformat(about["created"])
        status, labels = self.status(), tuple(about["labels"])
        return RunSummary(self.reference, self.reference, about["flow"], status, created, labels)

    def status(self) -> Status:
        """One look at the folder."""
        if outcome := self.outcome():
            return outcome.status()
        exit_code, pid = self._read("exit_code"), self._read("pid")
        if not exit_code and not pid:
            submitter = self._read("submitter")
            if submitter and _alive(int(submitter)):
                return Status(State.SUBMITTED)
            return Status(State.CRASHED, Reason.LOST, "Its submitter died before it started.")
        if not exit_code and _alive(int(pid)):
            return Status(State.RUNNING)
        if self._cancelled:
            return Status(State.CANCELLED)
        if exit_code := self._read("exit_code"):
            return without_record(int(exit_code), self._read("log"))
        return Status(State.CRASHED, Reason.LOST, "The run's process is gone.")

    @property
    def _cancelled(self) -> bool:
        return (self.folder / "cancelled").exists()

    def follow(self, timeout: float | None = None) -> Iterator[Status]:
        """The status and each change, until the run is over or the time is."""
        end = None if timeout is None else time.monotonic() + timeout
        last = None
        while end is None or time.monotonic() < end:
            status = self.status()
            if status != last:
                yield status
                last = status
            if status.state.is_final:
                return
            time.sleep(_POLL)

    def logs(self, *, follow: bool = False) -> Iterator[str]:
        """The lines of the log file."""
        done, rest, position = False, "", 0
        while not done:
            done = not follow or self.status().state.is_final
            with contextlib.suppress(FileNotFoundError), (self.folder / "log").open() as log:
                log.seek(position)
                *lines, rest = (rest + log.read()).split("\n")
                position = log.tell()
                yield from lines
            if not done:
                time.sleep(_POLL)
        if rest:
            yield rest

    def outcome(self) -> Outcome | None:
        """The record that the flow's process left."""
        return Outcome.from_text(self._read("outcome.json"), self.reference)

    def cancel(self) -> None:
        """Ask the process to stop, and kill it when it doesn't within 30 seconds."""
        (self.folder / "cancelled").touch()
        end = time.monotonic() + _GRACE
        while not self.status().state.is_final:
            # again and again: a signal that meets the shell between fork and exec is lost
            sent = signal.SIGTERM if time.monotonic() < end else signal.SIGKILL
            with contextlib.suppress(ProcessLookupError, ValueError):  # not started yet
                os.killpg(int(self._read("pid")), sent)
            list(self.follow(0.5))

    def _read(self, name: str) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / name).read_text().strip()
        return ""


def _alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
