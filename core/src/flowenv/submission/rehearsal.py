"""Rehearsing a run: what its container would run, in a local subprocess."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowenv import contract
from flowenv.contract import Target
from flowenv.contract.process import PAYLOAD_FILE
from flowenv.contract.variables import Merged
from flowenv.errors import FlowenvError, SpecError, UnsupportedOperation
from flowenv.hooks.checks import implementations
from flowenv.registry.registry import registry
from flowenv.results.lines import REHEARSED_RESULT, content_in
from flowenv.results.object_urls import Kept, object_url, results_url
from flowenv.results.record.exit_codes import without_record
from flowenv.results.record.outcome import Outcome
from flowenv.results.record.seal import seal_of
from flowenv.runs.flow_run import FlowRun
from flowenv.serialization import storage
from flowenv.states import Status
from flowenv.submission.prepared import Prepared
from flowenv.submission.rehearsal_folder import rehearsal_folder

_KEPT = ("HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE")
"""What the process keeps of this one's variables; everything else comes from the run."""
_LARGEST = 128 * 1024 - 1
"""The bytes of one variable that Linux takes, `NAME=` included (MAX_ARG_STRLEN)."""
_CALLED_THERE = ("flowenv_run_flow",)
"""The hooks of plugins that are called where the flow runs."""
_GRACE = 30.0
"""Seconds between the request to stop and the end by force, as platforms have it."""
_OURS: set[int] = set()
"""This process's ends of the pipes by which those that it has started see whether it lives."""


def _forked() -> None:
    """Close them in a process forked off, which may live longer than this one."""
    for descriptor in _OURS:
        os.close(descriptor)
    _OURS.clear()


os.register_at_fork(after_in_child=_forked)


@dataclass(frozen=True)
class Rehearsed:
    """How a rehearsal ended.

    Args:
        outcome: the record that the process left; None without one.
        status: what the run's status would be.
        unresolved: variables that only the platform can set.
        result: the flow's result, wherever it was stored.
        result_error: why there is no result although the flow completed.
    """

    outcome: Outcome | None
    status: Status
    unresolved: tuple[str, ...]
    result: Any = None
    result_error: FlowenvError | None = None


class Processes:
    """The processes of rehearsals that several threads wait for, to end them together.

    Args:
        variables: what each has besides the run's own.

    Attributes:
        are_ended: True once no more are wanted.
    """

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self.variables = dict(variables or {})
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self.are_ended = False

    def end(self) -> None:
        """Ask those that run to stop, as the platform would, and those that begin."""
        with self._lock:
            self.are_ended = True
            for process in self._running:
                process.terminate()

    def begun(self, process: subprocess.Popen[bytes]) -> None:
        """Note a process."""
        with self._lock:
            self._running.add(process)
            if self.are_ended:
                process.terminate()

    def ended(self, process: subprocess.Popen[bytes]) -> None:
        """Forget a process that has ended."""
        with self._lock:
            self._running.discard(process)


def rehearse(prepared: Prepared, processes: Processes | None = None) -> Rehearsed:
    """Run what the container would run, with its variables and payload, and wait for it.

    The spec is built and checked first. Nothing is sent to the platform, and no cluster is
    made: the flow runs with the environment's own executor, or the default one. As there is no run,
    `flowenv_state_changed` isn't called. What the process prints goes to this one's output.
    An interrupt ends it as the platform would, with SIGTERM.

    Args:
        prepared: the run.
        processes: where the process is noted while it runs, for whoever may end it.

    Raises:
        UnsupportedOperation: if the backend runs flows in this process anyway.
        SpecError: if a variable is too large for a process.
    """
    run, processes = prepared.flow_run, processes or Processes()
    if not run.environment.capabilities.rehearse:
        raise UnsupportedOperation(
            f"The backend {run.environment.backend} has nothing to rehearse."
        )
    prepared.spec  # noqa: B018 - built for its checks, and for the variables it merges
    merged = _flow_variables(prepared)
    values = run.environment.expanded(merged, _values(merged))
    _check_size(merged, values)
    with rehearsal_folder() as (folder, lock):
        process, runtime = prepared.process, prepared.process.runtime
        files = {**process.files, **({runtime.name: runtime.content} if runtime else {})}
        for file, data in files.items():
            (folder / file).write_bytes(data)
        outcome_file = folder / "outcome.json"
        variables = {
            **_base(folder),
            **processes.variables,
            **values,
            contract.PAYLOAD: str(folder / PAYLOAD_FILE),
            contract.PAYLOAD_SEAL: (seal := seal_of(prepared.process.files[PAYLOAD_FILE])),
            contract.OUTCOME: str(outcome_file),
            **({contract.OUTPUT: str(run.output)} if run.output else {}),
            **(runtime.variables(str(folder)) if runtime else {}),
        }
        exit_code = _call(process.command, variables, folder, processes, lock)
        text = outcome_file.read_bytes() if outcome_file.exists() else b""
        carried = folder / REHEARSED_RESULT
        lines = carried.read_text().split("\n") if carried.exists() else []
    outcome = Outcome.from_text(text, run.id, seal)
    status = outcome.status() if outcome else without_record(exit_code, "")
    result, result_error = _take_result(outcome, run, lines) if outcome else (None, None)
    return Rehearsed(outcome, status, _unresolved(merged), result, result_error)


def absent_plugins() -> list[str]:
    """Sentences on local plugins that would do something in the container, if they were there."""
    return [
        f"{plugin.name} takes no part where the flow runs: {hook} of a plugin that isn't "
        "installed there is never called."
        for plugin in registry().plugins()
        for hook, _ in implementations(plugin.module)
        if plugin.is_local and hook in _CALLED_THERE
    ]


def _take_result(
    outcome: Outcome, run: FlowRun, lines: list[str]
) -> tuple[Any, FlowenvError | None]:
    """The result, or why there is none; nothing of a rehearsal stays at `results_url`."""
    base = results_url(run.environment)

    def logged(sha256: str) -> bytes:
        content = content_in(lines, run.id, sha256)
        assert content is not None
        return content

    try:
        # our own process has stored it, from the user's own code
        return outcome.value(base, allow_pickle=True, logged=logged), None
    except FlowenvError as error:
        return None, error
    finally:
        if outcome.stored and base:
            _remove(object_url(base, run.id, Kept.RESULT))


def _remove(url: str) -> None:
    try:
        storage.remove(url)
    except FlowenvError as error:
        logging.getLogger("flowenv").warning("A rehearsal's result is left behind: %s", error)


def _flow_variables(prepared: Prepared) -> Merged:
    """The flow's container's variables as the spec has them, the user's file included."""
    variables = prepared.process.variables
    for merged in variables.merged:
        if merged.target is Target.FLOW:
            return merged
    return variables.merge(target=Target.FLOW)


def _values(merged: Merged) -> dict[str, str]:
    """The values in the clear; empty where only the platform knows them."""
    values = {name: value for name, value in merged.values.items() if isinstance(value, str)}
    for name, secret in merged.secrets.items():
        values[name] = secret.reveal() if secret.reference is None else ""
    return values


def _check_size(merged: Merged, values: Mapping[str, str]) -> None:
    """Check that a process can be started with these variables.

    Raises:
        SpecError: naming the one that is too large.
    """
    for name, value in values.items():
        size = len(f"{name}={value}".encode("utf-8", "surrogateescape"))
        if size > _LARGEST:
            layer = next(entry.layer for entry in merged if entry.name == name)
            raise SpecError(
                f"The variable {name} of {layer} has {size:,} bytes with its name, too many for "
                f"a process: Linux takes {_LARGEST:,}.",
                hint="Put it into a file or a store, and only its place into the variable.",
            )


def _unresolved(merged: Merged) -> tuple[str, ...]:
    by_platform = [e.name for e in merged if e.reference is not None]
    return (*by_platform, *(n for n, s in merged.secrets.items() if s.reference is not None))


def _base(folder: Path) -> dict[str, str]:
    """A `python` on the PATH that is this one, and the few variables every process has."""
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    path = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "PATH": f"{python.parent}:{path}"}


def _call(
    command: tuple[str, ...],
    variables: dict[str, str],
    folder: Path,
    processes: Processes,
    lock: int,
) -> int:
    """Run the command to its end; nothing that it started outlives it, as in a container."""
    ours_ends, ours = os.pipe()
    _OURS.add(ours)
    try:
        process = subprocess.Popen(
            command,
            env={**variables, contract.REHEARSAL: str(ours_ends)},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(ours_ends, lock),
        )
    except BaseException:
        _close(ours)
        raise
    finally:
        os.close(ours_ends)
    processes.begun(process)
    try:
        return process.wait()
    except BaseException:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
        raise
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        _close(ours)
        processes.ended(process)


def _close(descriptor: int) -> None:
    _OURS.discard(descriptor)
    os.close(descriptor)
