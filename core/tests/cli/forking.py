"""Calls of `flowenv` as processes that are forked from one that has imported it already.

A call is a process of its own in every respect but one: it doesn't wait for Python and its
imports. As a program (`python forking.py`) this is the process that is forked.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

_DEADLINE = 60.0
"""Seconds that a call may take."""


class Forking:
    """The process that is forked; closed at the end of its block."""

    def __enter__(self) -> Forking:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate()  # nothing more comes: it ends

    def call(
        self, arguments: tuple[str, ...], folder: Path, variables: dict[str, str], output: Path
    ) -> int:
        """Call `flowenv` and return its exit code.

        Args:
            arguments: the command line's.
            folder: the working directory.
            variables: all environment variables.
            output: the folder for the files `stdout` and `stderr`.
        """
        assert self._process.stdin
        request = [arguments, str(folder), variables, str(output)]
        self._process.stdin.write(json.dumps(request) + "\n")
        pid = self._answer()
        try:
            return self._answer()
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            self._answer()
            raise

    def _answer(self) -> int:
        stream = self._process.stdout
        assert stream
        if not select.select([stream], [], [], _DEADLINE)[0]:
            raise TimeoutError
        return int(stream.readline())


def serve() -> None:
    """For each line of the standard input fork, and print the pid and then the exit code."""
    for line in sys.stdin:
        request = json.loads(line)
        if (pid := os.fork()) == 0:
            become(*request)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def become(arguments: list[str], folder: str, variables: dict[str, str], output: str) -> NoReturn:
    """Be a call of `flowenv`."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, path, how in (
        (0, os.devnull, os.O_RDONLY),
        (1, f"{output}/stdout", flags),
        (2, f"{output}/stderr", flags),
    ):
        os.dup2(os.open(path, how), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.path[:0] = variables["PYTHONPATH"].split(os.pathsep)
    sys.argv = ["flowenv", *arguments]
    from flowenv.cli import main

    main()
    raise AssertionError("main exits")


_MORE = (
    *("container.run_payload", "execution.in_process", "payload.packing"),
    "submission.rehearsal",
)


def preload() -> list[Any]:
    """Import what calls of `flowenv` do; nothing of it may do anything by being imported."""
    import importlib
    import pkgutil

    import click.shell_completion
    import cloudpickle
    import importlib_metadata
    import pluggy
    import yaml

    import flowenv.cli

    names = [one.name for one in pkgutil.walk_packages(flowenv.cli.__path__, "flowenv.cli.")]
    names += [f"flowenv.{name}" for name in _MORE]
    modules = [importlib.import_module(name) for name in names]
    return [click, cloudpickle, importlib_metadata, pluggy, yaml, *modules]


if __name__ == "__main__":
    del sys.path[0]  # this file's folder, which `flowenv` doesn't see
    preload()
    serve()
