"""The Fargate backend's hooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from flowenv import hookimpl
from flowenv_fargate.environment import FargateTaskEnvironment

if TYPE_CHECKING:
    from flowenv.plugin import Environment, Finding, FlowRun, Leftover, Process, RunSummary
    from flowenv_fargate.runs.handle import TaskHandle


@hookimpl
def flowenv_environment_type() -> type[Environment]:
    """The backend's environment."""
    return FargateTaskEnvironment


@hookimpl
def flowenv_build_spec(
    environment: FargateTaskEnvironment, flow_run: FlowRun, process: Process
) -> dict[str, Any]:
    """The requests for RegisterTaskDefinition and RunTask."""
    from flowenv_fargate.api.service_model import parameters_of
    from flowenv_fargate.spec.build import build_spec

    return build_spec(environment, flow_run, process, parameters_of)


@hookimpl
def flowenv_setup(environment: FargateTaskEnvironment, spec: dict[str, Any]) -> None:
    """Register the task definition if the family doesn't have it."""
    from flowenv_fargate.runs.submission import find_definition

    find_definition(environment, spec)


@hookimpl
def flowenv_execute(
    environment: FargateTaskEnvironment, flow_run: FlowRun, spec: dict[str, Any]
) -> TaskHandle:
    """Run the task."""
    from flowenv_fargate.runs.submission import submit

    return submit(environment, flow_run, spec)


@hookimpl
def flowenv_attach(environment: FargateTaskEnvironment, reference: str) -> FlowRun:
    """Pick up a run by the task's ARN or id, or by the run's id."""
    from flowenv_fargate.runs.lookup import attach

    return attach(environment, reference)


@hookimpl
def flowenv_find_runs(
    environment: FargateTaskEnvironment, labels: Sequence[str]
) -> Iterable[RunSummary]:
    """The runs of the environment's cluster."""
    from flowenv_fargate.runs.lookup import find_runs

    return find_runs(environment, labels)


@hookimpl
def flowenv_sweep(
    environment: FargateTaskEnvironment, older_than: float, delete: bool
) -> Iterable[Leftover]:
    """Tasks that never ran, payloads in S3, and generated task definitions."""
    from flowenv_fargate.runs.sweep import sweep

    return sweep(environment, older_than, delete)


@hookimpl
def flowenv_check(environment: FargateTaskEnvironment) -> Iterable[Finding]:
    """Look at credentials, region, cluster, roles, network and log group; nothing is made."""
    from flowenv_fargate.doctor import check

    return check(environment)
