"""Where the demo types `flowenv`."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_TOOL = str(Path(sys.executable).with_name("flowenv"))
_ENDS_WITHIN = 60.0
"""Seconds that an interrupted command has to cancel its run."""


class Failed(Exception):
    """A command didn't do what it is shown for."""


class Shell:
    """A working directory and the variables that commands find there.

    Args:
        folder: where they are typed.
        variables: how they find the platform; what they write stays in the folder, too.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {**os.environ, **variables}

    def show(self, *arguments: str, longest: int | None = None) -> None:
        """Show a command and what it prints, as it comes.

        Args:
            *arguments: those of `flowenv`.
            longest: how many lines of its output are shown; None for all, at once.

        Raises:
            Failed: its exit code isn't 0.
        """
        print(f"$ {shlex.join(['flowenv', *arguments])}", flush=True)
        if longest is None:
            self._run(arguments)
            return
        lines = self._run(arguments, stdout=subprocess.PIPE).splitlines()
        print(*lines[:longest], sep="\n")
        if more := len(lines) - longest:
            print(f"… and {more} more lines")

    def ask(self, *arguments: str) -> Any:
        """What a command says as JSON, without showing it."""
        return json.loads(self._run([*arguments, "-o", "json"], stdout=subprocess.PIPE))

    def _run(self, arguments: Sequence[str], stdout: int | None = None) -> str:
        # in a session of its own Ctrl-C reaches it once, from here
        process = subprocess.Popen(
            [_TOOL, *arguments],
            cwd=self._folder,
            env=self._environment,
            stdout=stdout,
            text=True,
            start_new_session=True,
        )
        with process:
            try:
                printed, _ = process.communicate()
            except BaseException:
                process.send_signal(signal.SIGINT)
                _wait(process)
                raise
        if process.returncode:
            print(printed or "", end="")
            raise Failed(f"flowenv {arguments[0]} exited with {process.returncode}.")
        return printed or ""


def _wait(process: subprocess.Popen[str]) -> None:
    """Wait until an interrupted command has cleaned up; a second Ctrl-C ends that."""
    try:
        process.wait(_ENDS_WITHIN)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        process.kill()
