"""The hooks that make acme a backend. `flowenv hooks` shows all there are."""

from __future__ import annotations

import subprocess
import tempfile
import weakref
from pathlib import Path
from typing import Any

from flowenv import Environment, FlowRun, hookimpl
from flowenv.plugin import Handle, Process, contract, revealed

from flowenv_acme.environment import AcmeEnvironment
from flowenv_acme.handle import ProcessHandle

flowenv_api_version = 1  # which version of the hooks this is written for

# by run id; a handle goes when nobody has it any more
_submitted: weakref.WeakValueDictionary[str, ProcessHandle] = weakref.WeakValueDictionary()


@hookimpl
def flowenv_environment_type() -> type[Environment]:
    """The backend's environment."""
    return AcmeEnvironment


@hookimpl
def flowenv_build_spec(
    environment: AcmeEnvironment, flow_run: FlowRun, process: Process
) -> dict[str, Any]:
    """The whole request as plain data. Nothing is sent, and the same run gives the same."""
    variables = process.variables.merge(container="flow")
    own = {contract.PAYLOAD: "payload.json", contract.OUTCOME: "outcome.json"}
    process.variables.note_own(own)  # for `flowenv explain`
    return {
        "command": list(process.command),
        "variables": {**variables.values, **own},
        "files": dict(process.files),
    }


@hookimpl
def flowenv_execute(
    environment: AcmeEnvironment, flow_run: FlowRun, spec: dict[str, Any]
) -> Handle:  # a type checker sees it if a method is missing or takes something else
    """Send the request; the run's id makes sure that sending it again finds the first."""
    if handle := _submitted.get(flow_run.id):
        return handle
    folder = Path(tempfile.mkdtemp(prefix="flowenv-acme-"))
    for name, data in spec["files"].items():
        (folder / name).write_bytes(data)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            spec["command"],
            env=revealed(spec["variables"]),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    _submitted[flow_run.id] = handle = ProcessHandle(
        flow_run.id, process, folder, environment.grace
    )
    return handle
