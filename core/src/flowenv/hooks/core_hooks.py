"""The core's own hook implementations: what a backend or plugin may override."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowenv.hooks.specs import hookimpl

if TYPE_CHECKING:
    from flowenv.runs.environment import Environment
    from flowenv.runs.flow_run import FlowRun
    from flowenv.secret import Secret


@hookimpl(trylast=True)
def flowenv_run_flow(environment: Environment, flow_run: FlowRun) -> Any:
    """Open the environment's executor, or the default one, and call the flow on it."""
    from flowenv.runs.running import run_flow

    return run_flow(environment, flow_run)


@hookimpl(trylast=True)
def flowenv_get_secret(name: str) -> Secret | None:
    """Look in the configuration's `[secrets]`, then in environment variables."""
    from flowenv.settings.configuration import configured_secret

    return configured_secret(name)
