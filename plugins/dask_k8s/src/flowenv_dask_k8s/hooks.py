"""The hooks of Dask on Kubernetes: a Job that makes a Dask cluster for itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flowenv import hookimpl
from flowenv.environment import Environment
from flowenv.errors import FlowenvError
from flowenv.flow_run import FlowRun
from flowenv.handle import Finding, Handle, Leftover, RunSummary
from flowenv.process import Process
from flowenv.running import Returned
from flowenv_dask_k8s.environment import DEFAULT_DOCKER_SECRET, DaskKubernetesEnvironment
from flowenv_dask_k8s.spec import build_spec, packed


@hookimpl
def flowenv_environment_type() -> type[Environment]:
    """The backend's environment."""
    return DaskKubernetesEnvironment


@hookimpl
def flowenv_build_spec(
    environment: DaskKubernetesEnvironment, flow_run: FlowRun, process: Process
) -> dict[str, Any]:
    """The Job, the Secret that it owns, and the DaskCluster that it will make."""
    return build_spec(environment, flow_run, process)


@hookimpl
def flowenv_setup(
    environment: DaskKubernetesEnvironment, flow_run: FlowRun, spec: dict[str, Any]
) -> None:
    """Look for the operator; make the registry's pull secret, if deprecated settings ask for it."""
    from flowenv_dask_k8s.operator import check_operator
    from flowenv_dask_k8s.registry_secret import ensure_registry_secret
    from flowenv_k8s.client import connect

    client = connect(environment.context)
    check_operator(client)
    if environment.private_registry:
        name = environment.docker_secret or DEFAULT_DOCKER_SECRET
        credentials = flow_run.hooks.hook.flowenv_get_secret(name=name)
        ensure_registry_secret(client, environment.target_namespace, name, credentials)


@hookimpl
def flowenv_execute(
    environment: DaskKubernetesEnvironment, flow_run: FlowRun, spec: dict[str, Any]
) -> Handle:
    """Create the Job, then its Secret with the DaskCluster inside."""
    from flowenv_k8s.client import connect
    from flowenv_k8s.handle import KubernetesHandle
    from flowenv_k8s.submission import submit

    client = connect(environment.context)
    job = submit(client, flow_run, packed(spec))
    return KubernetesHandle(client, job, environment.start_deadline)


@hookimpl
def flowenv_run_flow(environment: DaskKubernetesEnvironment, flow_run: FlowRun) -> Returned:
    """Make the Dask cluster, run the flow on it, remove it in every case."""
    from flowenv_dask_k8s.run import run_on_cluster

    return run_on_cluster(environment, flow_run)


@hookimpl
def flowenv_attach(environment: DaskKubernetesEnvironment, reference: str) -> FlowRun:
    """Find a run's Job by name or run id."""
    from flowenv_k8s.client import connect
    from flowenv_k8s.runs import attach

    client = connect(environment.context)
    namespace = environment.target_namespace
    return attach(client, environment, namespace, reference, environment.start_deadline)


@hookimpl
def flowenv_find_runs(
    environment: DaskKubernetesEnvironment, labels: Sequence[str]
) -> Iterable[RunSummary]:
    """The runs in the environment's namespace."""
    from flowenv_k8s.client import connect
    from flowenv_k8s.runs import find_runs

    return find_runs(connect(environment.context), environment.target_namespace, labels)


@hookimpl
def flowenv_sweep(
    environment: DaskKubernetesEnvironment, older_than: float, delete: bool
) -> Iterable[Leftover]:
    """What is left in the environment's namespace of runs that are over."""
    from flowenv_dask_k8s.sweep import sweep
    from flowenv_k8s.client import connect

    return sweep(
        connect(environment.context),
        environment.target_namespace,
        older_than=older_than,
        start_deadline=environment.start_deadline,
        delete=delete,
    )


@hookimpl
def flowenv_check(environment: DaskKubernetesEnvironment) -> Iterable[Finding]:
    """The cluster, the operator, the namespace, and what we may do there."""
    from flowenv_dask_k8s.doctor import findings
    from flowenv_k8s.client import connect

    try:
        client, namespace = connect(environment.context), environment.target_namespace
    except FlowenvError as error:
        return [Finding("cluster", False, error.message, error.hint)]
    return findings(client, namespace)
