"""One container as a local process.

A container's first process is process 1 of its own PID namespace. Two things follow, which the
container runtime and the kernel do on AWS and this module does here:

- A signal whose default action would end it does nothing to process 1 unless the process has
  installed a handler (pid_namespaces(7)). `sh -c "python …"` and a Python program without a
  handler therefore survive SIGTERM and are killed after the stop timeout.
- When process 1 ends, the kernel kills every other process of the namespace.
"""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .logs import LogStream
from .records import Container

_CHUNK = 65536
_LOOKS = 5

# Each process of a container has this variable; it says which container it belongs to.
MARKER = "FLOWENV_RIG_CONTAINER"


class ContainerProcess:
    """The process of a started container.

    Raises OSError where the command can't be executed.
    """

    def __init__(
        self,
        container: Container,
        command: Sequence[str],
        environment: Mapping[str, str],
        directory: Path,
        log: LogStream | None,
        log_delay: float,
        closed: threading.Event,
    ) -> None:
        self.container = container
        self._has_init = bool(
            (container.definition.get("linuxParameters") or {}).get("initProcessEnabled")
        )
        self._marker = f"{MARKER}={environment[MARKER]}".encode()
        self._process = subprocess.Popen(
            list(command),
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if log else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if log else subprocess.DEVNULL,
            start_new_session=True,
        )
        self._log_delay = log_delay
        self._closed = closed
        self._pump: threading.Thread | None = None
        if log:
            self._pump = threading.Thread(target=self._copy_output, args=(log,), daemon=True)
            self._pump.start()

    def watch(self, ended: Callable[["ContainerProcess"], None]) -> None:
        """Call `ended`, from another thread, once the container is over."""
        threading.Thread(target=self._wait, args=(ended,), daemon=True).start()

    @property
    def exit_code(self) -> int | None:
        """The exit code as a container runtime reports it: 128 + n for signal n."""
        code = self._process.returncode
        return 128 - code if code is not None and code < 0 else code

    def terminate(self) -> None:
        """Send SIGTERM to the first process only, as `docker stop` does."""
        if self._process.returncode is None and self._receives(signal.SIGTERM):
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL to the first process; the rest goes with it."""
        self._process.kill()

    def _receives(self, signal_number: int) -> bool:
        """Whether process 1 of a namespace would see this signal."""
        if self._has_init:
            return True
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text()
        except OSError:
            return False
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught.split()[1], 16) >> (signal_number - 1) & 1)

    def _wait(self, ended: Callable[["ContainerProcess"], None]) -> None:
        self._process.wait()
        self._kill_rest()
        if self._pump and not self._log_delay:
            # A process that hid from _kill_rest keeps the pipe open; don't wait for it for ever.
            self._pump.join(timeout=5)
        ended(self)

    def _kill_rest(self) -> None:
        """End what the first process left behind, wherever it moved to.

        A process in the middle of an execve shows no environment; then look again.
        """
        for _ in range(_LOOKS):
            found = {pid: _environment(pid) for pid in _processes()}
            while left := [pid for pid, variables in found.items() if self._marker in variables]:
                for pid in left:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                found = {pid: _environment(pid) for pid in _processes()}
            if not any(
                variables == [b""] and _has_program(pid) for pid, variables in found.items()
            ):
                return

    def _copy_output(self, log: LogStream) -> None:
        """Send whole lines to CloudWatch as they come, those that come together in one call."""
        pipe = self._process.stdout
        assert pipe is not None
        with pipe:
            if self._log_delay and self._closed.wait(self._log_delay):
                return
            log.create()
            rest = b""
            while chunk := os.read(pipe.fileno(), _CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                log.write(line.decode(errors="replace").rstrip("\r") for line in lines)
            if rest:
                log.write([rest.decode(errors="replace")])


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _has_program(pid: int) -> bool:
    """Whether the process is one of a program: not of the kernel's, and not over."""
    try:
        return bool(Path(f"/proc/{pid}/exe").readlink())
    except OSError:
        return False


def _environment(pid: int) -> list[bytes]:
    """A process's environment; empty for one that is over (also a zombie) or somebody else's."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
