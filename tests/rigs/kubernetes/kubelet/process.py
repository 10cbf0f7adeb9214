"""The processes of one container."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

from rigs.kubernetes.kubelet.launching import Launch
from rigs.kubernetes.log_files import STREAMS, ContainerLog, Stream

_MARK = "FLOWENV_RIG_CONTAINER"
_CHUNK = 65536
_LAST_OUTPUT = 2.0
"""Seconds for the output to end, once all processes have: one may have got away with the pipe."""


class ContainerProcesses:
    """A container's first process, and all that come from it.

    A real container is a process namespace: its first process is number 1 there, so it gets a
    signal only if it has a handler for it, and when it ends all others are killed. Here the first
    process leads a session of its own, and the others are found by a variable that they inherit.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, outputs: list[int], mark: str, log: ContainerLog
    ) -> None:
        self._process = process
        self._mark = mark
        self._log = log
        # standard output and standard error, as the container runtime reads them: each by itself
        reads = (
            self._read(output, stream) for output, stream in zip(outputs, STREAMS, strict=True)
        )
        self._reading = asyncio.gather(*reads)

    @classmethod
    async def start(cls, launch: Launch, mark: str, log: ContainerLog) -> ContainerProcesses:
        """Start a container's first process; its output goes to the log.

        Raises:
            OSError: it can't be started.
        """
        # Pipes of our own: asyncio's would have wait() wait for whoever else holds them open.
        pipes = [os.pipe() for _ in STREAMS]
        reading, writing = [pipe[0] for pipe in pipes], [pipe[1] for pipe in pipes]
        try:
            process = await asyncio.create_subprocess_exec(
                *launch.prefix,
                *launch.command,
                env={**launch.environment, _MARK: mark},
                cwd=launch.directory,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing[0],
                stderr=writing[1],
                start_new_session=True,
            )
        except BaseException:
            for descriptor in reading:
                os.close(descriptor)
            raise
        finally:
            for descriptor in writing:
                os.close(descriptor)
        return cls(process, reading, mark, log)

    @property
    def pid(self) -> int:
        """The first process's number on the machine."""
        return self._process.pid

    async def wait(self) -> int:
        """Wait for the first process, then for the end of the others and of the log.

        Returns:
            the exit code; 128 and the signal's number after a signal.
        """
        try:
            code = await self._process.wait()
        except asyncio.CancelledError:
            self.kill()
            await self._process.wait()
            raise
        finally:
            await self._kill_others()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_OUTPUT):
                await self._reading
        self._log.close()
        return code if code >= 0 else 128 - code

    def terminate(self) -> None:
        """Send TERM to the first process, which only hears it if it has a handler."""
        if _handles(self._process.pid, signal.SIGTERM):
            self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the first process; the others follow."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            # Its end may be known to the system already, but not yet to us.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    async def _read(self, output: int, stream: Stream) -> None:
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        pipe = os.fdopen(output, "rb", buffering=0)
        transport, _ = await loop.connect_read_pipe(lambda: protocol, pipe)
        try:
            while chunk := await reader.read(_CHUNK):
                self._log.write(chunk, stream)
        finally:
            transport.close()

    async def _kill_others(self) -> None:
        while kill_marked(lambda mark: mark == self._mark):
            await asyncio.sleep(0.005)


def kill_marked(mark_is_meant: Callable[[str], bool]) -> list[str]:
    """Kill processes of containers, and return their marks: what stood for them at their start.

    Args:
        mark_is_meant: whether processes with this mark are to be killed.
    """
    killed = []
    for pid in _all_processes():
        mark = _mark_of(pid)
        if mark is not None and mark_is_meant(mark):
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.kill(pid, signal.SIGKILL)
                killed.append(mark)
    return killed


def _mark_of(pid: int) -> str | None:
    start = f"{_MARK}=".encode()
    found = (entry for entry in _environment_of(pid) if entry.startswith(start))
    return next((entry.removeprefix(start).decode() for entry in found), None)


def _all_processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _environment_of(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []  # it has ended, or is another user's


def _handles(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) & (1 << (number - 1)))
