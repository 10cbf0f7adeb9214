"""The hooks of Dask on Kubernetes: a Job that makes a Dask cluster for itself."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flowenv import hookimpl
from flowenv_dask_k8s.environment import DEFAULT_DOCKER_SECRET, DaskKubernetesEnvironment
from flowenv_dask_k8s.spec.job import build_spec, packed
from flowenv_k8s.plugin import job_hooks

if TYPE_CHECKING:
    from flowenv.plugin import Environment, Finding, FlowRun, Handle, Leftover, Process, Returned


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
    from flowenv.plugin import find_secret
    from flowenv_dask_k8s.runs.registry_secret import ensure_registry_secret
    from flowenv_k8s.plugin import connect

    client = connect(environment.context)
    if environment.cluster == "operator":
        from flowenv_dask_k8s.cluster.operator.cluster import check_operator

        check_operator(client)
    if environment.private_registry:
        name = environment.docker_secret or DEFAULT_DOCKER_SECRET
        credentials = find_secret(name, environment)
        ensure_registry_secret(client, environment.target_namespace, name, credentials)


@hookimpl
def flowenv_execute(
    environment: DaskKubernetesEnvironment, flow_run: FlowRun, spec: dict[str, Any]
) -> Handle:
    """Create the Job, then its Secret with the DaskCluster inside."""
    certificates = None
    if environment.cluster == "pods":
        from flowenv_dask_k8s.cluster.pods.certificates import certificates_of

        certificates = certificates_of(flow_run.id)
    return job_hooks.flowenv_execute(environment, flow_run, packed(spec, environment, certificates))


@hookimpl
def flowenv_run_flow(environment: DaskKubernetesEnvironment, flow_run: FlowRun) -> Returned:
    """Make the Dask cluster, run the flow on it, remove it in every case."""
    from flowenv_dask_k8s.runs.flow_on_cluster import run_on_cluster

    return run_on_cluster(environment, flow_run)


# a run is a Job, and is found and attached to as any other
flowenv_attach = job_hooks.flowenv_attach
flowenv_find_runs = job_hooks.flowenv_find_runs


@hookimpl
def flowenv_sweep(
    environment: DaskKubernetesEnvironment, older_than: float, delete: bool
) -> Iterable[Leftover]:
    """Clusters of Jobs that have ended or are gone, and what Jobs leave."""
    from flowenv_dask_k8s.runs.sweep import sweep, sweep_workers
    from flowenv_k8s.plugin import connect

    client, namespace = connect(environment.context), environment.target_namespace
    left = sweep if environment.cluster == "operator" else sweep_workers
    clusters = left(client, namespace, older_than=older_than, delete=delete)
    return itertools.chain(
        clusters, job_hooks.flowenv_sweep(environment, older_than=older_than, delete=delete)
    )


@hookimpl
def flowenv_check(environment: DaskKubernetesEnvironment) -> Iterable[Finding]:
    """The cluster, the operator, the namespace, and what we may do there."""
    from flowenv_dask_k8s.doctor import findings
    from flowenv_k8s.plugin import examine

    has_operator = environment.cluster == "operator"
    return examine(environment, functools.partial(findings, environment.flow_account, has_operator))
