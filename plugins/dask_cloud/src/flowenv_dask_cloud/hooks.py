"""The hooks of Dask at a cloud provider: the flow runs here, on a cluster made for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flowenv import hookimpl
from flowenv.plugin import (
    Environment,
    Finding,
    FinishedHandle,
    FlowRun,
    Leftover,
    Process,
    Returned,
    State,
    Status,
    execute_here,
)
from flowenv_dask_cloud.environment import DaskCloudProviderEnvironment
from flowenv_dask_cloud.spec.build import build_spec
from flowenv_dask_cloud.spec.providers import load_provider


@hookimpl
def flowenv_environment_type() -> type[Environment]:
    """The backend's environment."""
    return DaskCloudProviderEnvironment


@hookimpl
def flowenv_build_spec(
    environment: DaskCloudProviderEnvironment, flow_run: FlowRun, process: Process
) -> dict[str, Any]:
    """The provider's finished arguments."""
    return build_spec(environment, load_provider(environment.provider_class), flow_run, process)


@hookimpl
def flowenv_execute(
    environment: DaskCloudProviderEnvironment, flow_run: FlowRun, spec: dict[str, Any]
) -> FinishedHandle:
    """Make the cluster and run the flow, in the calling thread."""
    name = load_provider(environment.provider_class).title
    first = "Calling on_execute." if environment.on_execute else f"Making a {name}."
    return execute_here(flow_run, Status(State.STARTING, message=first))


@hookimpl
def flowenv_run_flow(environment: DaskCloudProviderEnvironment, flow_run: FlowRun) -> Returned:
    """Make the cluster, run the flow on it, close it in every case."""
    from flowenv_dask_cloud.runs.run_flow import run_on_cluster

    return run_on_cluster(environment, flow_run)


@hookimpl
def flowenv_sweep(
    environment: DaskCloudProviderEnvironment, older_than: float, delete: bool
) -> Iterable[Leftover]:
    """What runs that are over have left at the provider."""
    from flowenv_dask_cloud.runs.sweep import sweep

    return sweep(environment, older_than, delete)


@hookimpl
def flowenv_check(environment: DaskCloudProviderEnvironment) -> Iterable[Finding]:
    """Whether the provider can be used, and how its scheduler would be protected."""
    from flowenv_dask_cloud.doctor import check

    return check(environment)
