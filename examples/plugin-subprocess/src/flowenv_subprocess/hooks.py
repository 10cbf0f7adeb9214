"""The hooks: a spec, a folder and a process for each run, and how to find them again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from flowenv import Environment, FlowRun, hookimpl
from flowenv.errors import RunNotFound
from flowenv.plugin import Leftover, Marks, Process, RunSummary, contract, revealed
from flowenv_subprocess.environment import SubprocessEnvironment
from flowenv_subprocess.runs import FolderHandle


@hookimpl
def flowenv_environment_type() -> type[Environment]:
    """The backend's environment."""
    return SubprocessEnvironment


@hookimpl
def flowenv_build_spec(
    environment: SubprocessEnvironment, flow_run: FlowRun, process: Process
) -> dict[str, Any]:
    """The command, its variables and the payload. A `python` on the PATH is the chosen one."""
    python = Path(environment.python).expanduser()
    path = f"{python.parent}:{os.environ.get('PATH', '/usr/bin:/bin')}"
    entries = [{"name": "PATH", "value": path}, *environment.entries]
    variables = process.variables.merge(entries, container="flow")
    own = {contract.PAYLOAD: "payload.json", contract.OUTCOME: "outcome.json"}
    process.variables.note_own(own)
    return {
        "command": [*process.command],
        "variables": {**variables.values, **own},
        "files": dict(process.files),
    }


@hookimpl
def flowenv_execute(
    environment: SubprocessEnvironment, flow_run: FlowRun, spec: dict[str, Any]
) -> FolderHandle:
    """Make the run's folder and start its process; a folder that is there is this run's."""
    handle = FolderHandle(environment.folder / flow_run.id)
    if handle.folder.exists():
        return handle
    handle.make(Marks.of_run(flow_run), spec["files"])
    handle.start(spec["command"], revealed(spec["variables"]))
    return handle


@hookimpl
def flowenv_attach(environment: SubprocessEnvironment, reference: str) -> FlowRun:
    """The run in the folder of that name."""
    handle = FolderHandle(environment.folder / reference)
    if not handle.folder.is_dir():
        raise RunNotFound(f"There is no run {reference} in {environment.folder}.")
    return handle.marks().attached(environment, handle)


def _handles(environment: SubprocessEnvironment) -> list[FolderHandle]:
    return [FolderHandle(path.parent) for path in environment.folder.glob("[!.]*/run.json")]


@hookimpl
def flowenv_find_runs(
    environment: SubprocessEnvironment, labels: Sequence[str]
) -> list[RunSummary]:
    """The runs that have all of the labels."""
    handles = _handles(environment)
    summaries = [one.marks().summary(one.reference, one.status()) for one in handles]
    return [one for one in summaries if set(labels) <= set(one.labels)]


@hookimpl
def flowenv_sweep(
    environment: SubprocessEnvironment, older_than: float, delete: bool
) -> Iterator[Leftover]:
    """The folders of runs that are over."""
    unfinished = [FolderHandle(path) for path in environment.folder.glob(".*")]
    for handle in [*_handles(environment), *unfinished]:
        age = time.time() - handle.folder.stat().st_mtime
        if age >= older_than and handle.status().state.is_final:
            left = Leftover("folder", str(handle.folder), handle.reference, age)
            yield left.swept(handle.delete, delete)
