"""The scheduler as a child process of the flow's: nobody has to be asked for it."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from flowenv.errors import PlatformError
from flowenv.plugin import Reason
from flowenv_dask_k8s.cluster import diagnosis
from flowenv_dask_k8s.cluster.interface import OwnPod
from flowenv_dask_k8s.spec.dask_pods import COMM_PORT, DASHBOARD_PORT

_log = logging.getLogger("flowenv.dask_k8s")
_scheduler_log = logging.getLogger("flowenv.dask_k8s.scheduler")

_LINES = 15
"""The last lines of its log that an error shows."""
_POLL = 0.02
_GRACE = 3.0
"""Seconds for it to end by itself."""


class SchedulerChild:
    """A scheduler of this run only, which listens on the pod's own address by TLS alone.

    Args:
        here: the pod, by whose address the workers reach it.
        variables: what it gets besides this process's own.
        without: the names of those that it doesn't get.
        seconds: how long it may take until it listens.
        has_log: whether all that it logs is in the run's log.
        on_end: called, in a thread, when it ends before it is told to.
    """

    def __init__(
        self,
        here: OwnPod,
        variables: Mapping[str, str],
        *,
        without: tuple[str, ...] = (),
        seconds: float = 300.0,
        has_log: bool = False,
        on_end: Callable[[], object] = lambda: None,
    ) -> None:
        self.pod, self._host = here.name, here.address
        host = here.address
        self._deadline = time.monotonic() + seconds
        self._on_end = on_end
        self._has_log = has_log
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._is_closing = False
        self._folder = tempfile.TemporaryDirectory(prefix="flowenv-scheduler-")
        self._file = Path(self._folder.name) / "scheduler.json"
        self.port = free_port(host, COMM_PORT)
        self.dashboard_port = free_port("127.0.0.1", DASHBOARD_PORT)
        environ = {name: value for name, value in os.environ.items() if name not in without}
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "distributed.cli.dask_scheduler"),
                *("--host", host, "--port", str(self.port), "--protocol", "tls"),
                # it is loaded when somebody looks at it: see `api.dashboard`
                *("--no-dashboard", "--dashboard-address", f"127.0.0.1:{self.dashboard_port}"),
                *("--scheduler-file", str(self._file)),
            ],
            env={**environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name="dask-scheduler", daemon=True)
        self._reader.start()

    @property
    def dashboard(self) -> str:
        """The dashboard's address, for this pod only."""
        return f"http://127.0.0.1:{self.dashboard_port}/status"

    @property
    def contact(self) -> str:
        """Where the workers reach it."""
        return self.address

    @property
    def address(self) -> str:
        """Where clients reach it."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"tls://{host}:{self.port}"

    def wait_until_up(self) -> None:
        """Wait until it listens.

        Raises:
            PlatformError: if it ends before that, or doesn't listen in time.
        """
        while not self._file.exists():
            if self._process.poll() is not None:
                self._reader.join(_GRACE)
                raise self._error(f"can't run: {self._how()}", Reason.START_ERROR)
            if time.monotonic() > self._deadline:
                raise self._error("doesn't listen in time", Reason.DEADLINE)
            time.sleep(_POLL)

    def log(self) -> contextlib.AbstractContextManager[None]:
        """Nothing: its lines come to this process as they are."""
        return contextlib.nullcontext()

    def why_lost(self, error: Exception) -> PlatformError | None:
        """What became of it while the flow ran; None if it is there."""
        if self._process.poll() is None:
            return None
        self._reader.join(_GRACE)
        # what kills a process says nothing in its log
        log = self._end_of_log() if self._process.returncode >= 0 else ""
        words = f"{self._how()}{log}"
        return diagnosis.lost(f"(a process of the flow's container, {self.address})", words)

    def stop(self) -> None:
        """End it, if it hasn't."""
        self._is_closing = True
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._reader.join(_GRACE)
        with contextlib.suppress(OSError):
            self._folder.cleanup()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            text = line.decode(errors="replace").rstrip()
            self._lines.append(text)
            if self._has_log:
                _scheduler_log.info("%s", text)
        self._process.stdout.close()
        self._process.wait()
        if not self._is_closing:
            self._on_end()

    def _how(self) -> str:
        code = self._process.returncode
        return f"it was killed by signal {-code}" if code < 0 else f"it ended with exit code {code}"

    def _end_of_log(self) -> str:
        return "".join(["\nThe end of its log:", *(f"\n  {line}" for line in self._lines)])

    def _error(self, words: str, reason: Reason) -> PlatformError:
        return PlatformError(
            f"The Dask scheduler {words}{self._end_of_log()}",
            hint="Can the flow's image run `dask scheduler`? It needs dask and distributed.",
            reason=reason,
        )


def is_compiled(*modules: str) -> bool:
    """Whether modules that are there have their bytecode beside them."""
    found = [importlib.util.find_spec(name) for name in modules]
    return all(Path(one.cached).exists() for one in found if one and one.cached)


def without_bytecode() -> tuple[str, ...]:
    """The variable that keeps Python from leaving bytecode, where that goes with the container.

    Images have it to be small. Where they lack bytecode, Dask takes three times as long to import,
    and what the scheduler leaves is what the flow's own process takes a moment later.
    """
    found = importlib.util.find_spec("distributed")
    if found is None or found.origin is None:
        return ()
    # of a container's own files only folders tell that they are on its own device
    is_own = Path(found.origin).parent.stat().st_dev == Path("/").stat().st_dev
    return ("PYTHONDONTWRITEBYTECODE",) if is_own else ()  # else it would stay on a volume


def free_port(host: str, wanted: int) -> int:
    """A port that nobody listens on: the one that is wanted, if it is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in (wanted, 0):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                _log.debug("%s:%s can't be listened on: %s", host, port, error)
                continue
            return int(probe.getsockname()[1])
    return wanted
