"""A run as a folder: run.json, payload.json, pid, log, outcome.json, exit_code, cancelled."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from flowenv import Reason, State, Status
from flowenv.plugin import Marks, Outcome, poll, without_record

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

    def make(self, marks: Marks, files: dict[str, bytes]) -> None:
        """Make the folder; it gets its name when it is complete, so nobody sees half of one."""
        new = self.folder.with_name(f".{self.folder.name}")
        new.mkdir(parents=True, mode=0o700)
        (new / "submitter").write_text(str(os.getpid()))
        (new / "run.json").write_text(json.dumps(marks.to_json()))
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
        # whoever submits many runs shall not collect their ended processes
        threading.Thread(target=process.wait, daemon=True).start()

    def marks(self) -> Marks:
        """The run as it was written down when it was submitted."""
        return Marks.from_json(json.loads((self.folder / "run.json").read_text()))

    def status(self) -> Status:
        """One look at the folder."""
        pid = self._read("pid")
        # looked at first: what a process that is over has left is complete
        over = bool(self._read("exit_code")) or not _alive(pid or self._read("submitter"))
        if not over:
            return Status(State.RUNNING if pid else State.SUBMITTED)
        cancelled = (self.folder / "cancelled").exists()
        if outcome := self.outcome():
            return outcome.status(cancelled=cancelled)
        if cancelled:
            return Status(State.CANCELLED)
        if exit_code := self._read("exit_code"):
            return without_record(int(exit_code), self._read("log"))
        return Status(State.CRASHED, Reason.LOST, "The run's process is gone.")

    def follow(self, timeout: float | None = None) -> Iterator[Status]:
        """The status and each change, until the run is over or the time is."""
        return poll(self.status, timeout, interval=_POLL)

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

    def delete(self) -> None:
        """Remove the folder of a run that is over."""
        while self.folder.exists():  # its shell may be writing the last file
            shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, name: str) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / name).read_text().strip()
        return ""


def _alive(pid: str) -> bool:
    if not pid:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(pid), 0)
        return True
    return False
