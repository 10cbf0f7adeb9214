"""The hooks of this plugin; keep those that you need. `flowenv hooks` shows all there are."""

from __future__ import annotations

import logging
from typing import Any

from flowenv import Environment, FlowRun, RunRefused, Status, hookimpl
from flowenv.plugin import Target, Value

flowenv_api_version = 1  # which version of the hooks this is written for

_log = logging.getLogger("flowenv_acme")


@hookimpl
def flowenv_environment_variables(environment: Environment, target: Target) -> dict[str, Value]:
    """A variable for every container; None would remove one."""
    return {
        "ACME_BACKEND": environment.backend,
        "ACME_CONTAINER": target.value,
    }


@hookimpl
def flowenv_modify_spec(spec: dict[str, Any], environment: Environment, flow_run: FlowRun) -> None:
    """A policy: change the finished spec in place, or refuse the run."""
    if "forbidden" in flow_run.labels:
        raise RunRefused(
            f"acme doesn't run flows with the label 'forbidden': {flow_run.flow_name}.",
            hint="Ask the platform team.",
        )


@hookimpl
def flowenv_state_changed(flow_run: FlowRun, status: Status) -> None:
    """A notification; what it raises is logged and can't break the run."""
    _log.info("%s of %s is %s", flow_run.id, flow_run.flow_name, status.state.value)
