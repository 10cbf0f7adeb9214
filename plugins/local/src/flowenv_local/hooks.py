"""The local backend's hooks: the flow runs while `flowenv_execute` is called."""

from __future__ import annotations

from typing import Any

from flowenv import hookimpl
from flowenv.plugin import Environment, FinishedHandle, FlowRun, execute_here
from flowenv_local.environment import LocalEnvironment


@hookimpl
def flowenv_environment_type() -> type[Environment]:
    """The backend's environment."""
    return LocalEnvironment


@hookimpl
def flowenv_build_spec(environment: Environment, flow_run: FlowRun) -> dict[str, Any]:
    """Nothing is sent anywhere: the spec only names the flow and its executor."""
    return {
        "local": {
            "flow": flow_run.flow_name,
            "executor": repr(environment.executor) if environment.executor else None,
        }
    }


@hookimpl
def flowenv_execute(flow_run: FlowRun) -> FinishedHandle:
    """Run the flow in the calling thread. An interrupt goes through, after the clean-up."""
    return execute_here(flow_run)
