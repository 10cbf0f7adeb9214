"""How a container's command is started so that its mounts are where its manifest says.

Two ways. Where the machine lets us make mount namespaces (as root, or in a user namespace), each
container gets one of its own (``namespace_exec.py``): any program sees its volumes and
``/dev/termination-log`` at their paths. Elsewhere the paths of mounts are replaced by the places
they stand for, in arguments and in the values of variables, and Python programs are led there
also from paths that they hold themselves (``podnet/pod_paths.py``).
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rigs.kubernetes.kubelet.volumes import Mount, innermost_first

_STARTER = Path(__file__).with_name("namespace_exec.py")
# The words of containerd and runc around the reason.
_START_ERROR = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
    "runc create failed: unable to start container process: error during container init: "
)


@dataclass(frozen=True)
class Launch:
    """What to start.

    Args:
        prefix: what comes before the command: the program that makes its mounts.
        command: the command itself, and its arguments.
        environment: variables.
        directory: where it starts.
        error: where the reason is written if the command can't be started.
    """

    prefix: list[str]
    command: list[str]
    environment: dict[str, str]
    directory: str
    error: Path


class StartError(Exception):
    """A container's command can't be started; in the words of the container runtime."""


@cache
def namespaces_work(directory: Path) -> bool:
    """Whether this machine lets us make mount namespaces; tried out once for each directory."""
    probe = directory / "namespace-probe"
    probe.mkdir(parents=True, exist_ok=True)
    (probe / "source").write_text("seen")
    (probe / "scratch").mkdir(exist_ok=True)
    target = "/dev/flowenv-rig-probe"
    specification = _write_specification(probe, [Mount(str(probe / "source"), target)], "/")
    command = [*_starter(specification), "cat", target]
    try:
        done = subprocess.run(command, capture_output=True, timeout=20, check=False)
    except OSError:
        return False
    finally:
        shutil.rmtree(probe, ignore_errors=True)
    return done.stdout == b"seen"


def launch(
    command: Sequence[str],
    environment: Mapping[str, str],
    mounts: Sequence[Mount],
    directory: Path,
    workdir: str,
    *,
    namespaces: bool,
) -> Launch:
    """Return how to start a command with its mounts.

    Args:
        command: the container's command and arguments.
        environment: its variables.
        mounts: what it is to see, outer paths first.
        directory: an empty directory for the start's own files.
        workdir: where the command starts.
        namespaces: whether mount namespaces work here.

    Raises:
        StartError: there is no command, or no program of that name.
    """
    if not command:
        raise StartError("no command specified")
    error = directory / "error"
    if namespaces:
        _check_program(command[0], environment)
        (directory / "scratch").mkdir(parents=True, exist_ok=True)
        specification = _write_specification(directory, mounts, workdir)
        prefix = _starter(specification)
        return Launch(prefix, list(command), dict(environment), str(directory), error)
    directory.mkdir(parents=True, exist_ok=True)
    places = {mount.target: mount.source for mount in innermost_first(mounts)}
    led = {name: _led(value, places) for name, value in environment.items()}
    led["FLOWENV_RIG_PATHS"] = json.dumps(places)
    arguments = [_led(argument, places) for argument in command]
    _check_program(arguments[0], led)
    return Launch([], arguments, led, _led(workdir, places), error)


async def run_in_container(container: Launch, command: list[str]) -> int:
    """Run a command with a container's variables and mounts, and return its exit code."""
    process = await asyncio.create_subprocess_exec(
        *container.prefix,
        *command,
        env=container.environment,
        cwd=container.directory,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def start_error(reason: str) -> str:
    """Return the container runtime's message around a reason."""
    return _START_ERROR + reason


def _check_program(program: str, environment: Mapping[str, str]) -> None:
    if "/" in program:
        return  # it may be in a volume
    if shutil.which(program, path=environment.get("PATH", "")) is None:
        raise StartError(start_error(f'exec: "{program}": executable file not found in $PATH'))


def _starter(specification: Path) -> list[str]:
    return [sys.executable, "-I", "-S", str(_STARTER), str(specification)]


def _write_specification(directory: Path, mounts: Sequence[Mount], workdir: str) -> Path:
    path = directory / "launch.json"
    path.write_text(
        json.dumps(
            {
                "mounts": [[mount.source, mount.target, mount.read_only] for mount in mounts],
                "cwd": workdir,
                "scratch": str(directory / "scratch"),
                "error": str(directory / "error"),
            }
        )
    )
    return path


def _led(text: str, places: Mapping[str, str]) -> str:
    for inside, outside in places.items():
        text = re.sub(rf"{re.escape(inside)}(?![\w.-])", lambda _, to=outside: to, text)  # type: ignore[misc]
    return text
