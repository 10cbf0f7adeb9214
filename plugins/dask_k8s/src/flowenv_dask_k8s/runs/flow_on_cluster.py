"""Where the flow runs: cluster → on_start → flow → on_exit → closed."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from flowenv.errors import PayloadError, PlatformError
from flowenv.plugin import (
    OUTAGES,
    FlowRun,
    Reason,
    Returned,
    Target,
    call_with_callbacks,
    check_requirements,
    check_versions,
    keep_awake,
    prepare_here,
    run_on,
    shipped_runtime,
    wait_for_workers,
)
from flowenv_dask_k8s.api import connection, kube_cluster
from flowenv_dask_k8s.cluster.interface import ClusterPlan, OwnPod, RunCluster
from flowenv_dask_k8s.environment import DaskKubernetesEnvironment
from flowenv_dask_k8s.runs.reporting import (
    K8S_LOGGERS,
    raise_loggers,
    report_bytecode,
    report_dashboard,
    report_workers,
    shown_here,
)
from flowenv_dask_k8s.spec.job import (
    ADDRESS_VARIABLE,
    CLUSTER_FILE,
    CLUSTER_VARIABLE,
    DIGEST_VARIABLE,
    JOB_UID_VARIABLE,
    JOB_VARIABLE,
    POD_VARIABLE,
    check_no_secret,
    cluster_secret,
    digest_of,
)
from flowenv_dask_k8s.spec.tls import FILES as CERTIFICATES
from flowenv_k8s.plugin import Client, connect

_log = logging.getLogger("flowenv.dask_k8s")

_ASK_EVERY = 1.0
"""Seconds between two looks at the workers' pods, while the first one is awaited."""


def run_on_cluster(environment: DaskKubernetesEnvironment, flow_run: FlowRun) -> Returned:
    """Make the run's cluster, run the flow on it, and remove it in every case.

    Raises:
        PlatformError: if the cluster can't be made, isn't up in time, or is lost.
        CallbackFailed: if a callback raises.
    """
    inside = os.environ.get(CLUSTER_VARIABLE)
    with contextlib.nullcontext() if inside else shown_here():
        if environment.log_k8s_errors:
            raise_loggers(*K8S_LOGGERS)
        # the pod's own configuration is the only one there, whatever the submitter used
        context = None if inside else environment.context
        client = connect(context, own_pod=bool(inside))
        if inside:
            report_bytecode()
            plan = plan_inside(environment, inside)
        else:
            plan = plan_outside(environment, flow_run, client)
        with kube_cluster.kubeconfig_context(context):
            return _run_planned(environment, flow_run, client, plan)


def _run_planned(
    environment: DaskKubernetesEnvironment, flow_run: FlowRun, client: Client, plan: ClusterPlan
) -> Returned:
    is_stopped = False

    def say(text: str) -> None:
        if not is_stopped:
            _log.info("%s", text)

    flow_run.clustered = (time.time(), 0.0)
    cluster = _maker_of(environment)(client, plan, flow_run.id, say)
    try:
        cluster.open()
        try:
            return _run_on(environment, flow_run, plan, cluster)
        except Exception as error:
            is_told = isinstance(error, PlatformError) and error is not flow_run.raised
            if not is_told and (fault := cluster.fault(error)):
                raise fault from error
            raise
    except BaseException as error:
        # of a run that is cancelled nobody has to hear that its workers go as well
        is_stopped = plan.is_inside and not isinstance(error, Exception)
        raise
    finally:
        cluster.close()


def _maker_of(environment: DaskKubernetesEnvironment) -> type[RunCluster]:
    """Who makes the cluster; of the other one nothing is imported, which takes its time."""
    if environment.cluster == "pods":
        from flowenv_dask_k8s.cluster.pods.cluster import PodsCluster

        return PodsCluster
    from flowenv_dask_k8s.cluster.operator.cluster import OperatorCluster

    return OperatorCluster


def _run_on(
    environment: DaskKubernetesEnvironment,
    flow_run: FlowRun,
    plan: ClusterPlan,
    cluster: RunCluster,
) -> Returned:
    report, files = environment.performance_report_path, flow_run.source_files
    # the pods that the flow's own Job makes have flowenv mounted, those that are made here haven't
    is_here = CLUSTER_VARIABLE not in os.environ
    runtime = shipped_runtime().content if environment.ships_runtime and is_here else b""
    with contextlib.ExitStack() as stack:
        dask = stack.enter_context(_timed(_ready(environment, plan, cluster), flow_run))
        if is_here:
            check_requirements(dask, flow_run.requirements)
        stack.enter_context(
            run_on(dask, files, performance_report_path=report, is_own=True, runtime=runtime)
        )
        return call_with_callbacks(environment, flow_run)


@contextlib.contextmanager
def _timed(ready: AbstractContextManager[Any], flow_run: FlowRun) -> Iterator[Any]:
    """The same, and the run knows how long it took to have its cluster."""
    with ready as dask:
        began = flow_run.clustered[0]
        flow_run.clustered = (began, time.time() - began)
        yield dask


def plan_inside(environment: DaskKubernetesEnvironment, file: str) -> ClusterPlan:
    """The plan that the Job has brought.

    Args:
        environment: what the user has set.
        file: the DaskCluster, finished when the run was submitted.

    Raises:
        PayloadError: if it can't be read, or isn't what was submitted.
    """
    try:
        manifest = json.loads(_submitted(environment, Path(file)))
    except (OSError, ValueError) as error:
        raise PayloadError(f"The DaskCluster can't be read from {file}: {error}.") from error
    name, uid = os.environ.get(JOB_VARIABLE), os.environ.get(JOB_UID_VARIABLE)
    if not (name and uid):
        _log.warning(
            "The Job's UID isn't known (Kubernetes before 1.27?), so the cluster doesn't go with "
            "the Job; its idle timeout removes it."
        )
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid} if uid else None
    here, variables = None, {}
    if environment.cluster == "pods":
        place = (os.environ.get(POD_VARIABLE, ""), os.environ.get(ADDRESS_VARIABLE, ""))
        here = OwnPod(*place, certificates=str(Path(file).parent))
        variables = scheduler_variables(environment)
    return ClusterPlan(
        manifest,
        environment.min_workers,
        environment.max_workers,
        owner=owner,
        deadline=environment.cluster_deadline,
        here=here,
        variables=variables,
        has_log=environment.scheduler_logs,
    )


def _submitted(environment: DaskKubernetesEnvironment, file: Path) -> bytes:
    """What the cluster is made of, if it and the certificates are what the Job was made with."""
    certificates = CERTIFICATES if environment.cluster == "pods" else ()
    names = (CLUSTER_FILE, *certificates)
    files: dict[str, bytes] = {name: (file.parent / name).read_bytes() for name in names}
    wanted = os.environ.get(DIGEST_VARIABLE)
    if wanted and digest_of(files) != wanted:
        raise PayloadError(
            f"What is in {file.parent} isn't what this run was submitted with, so no cluster is "
            "made of it.",
            hint="Look who may change Secrets in the namespace, and submit the run again.",
        )
    return files[CLUSTER_FILE]


def scheduler_variables(environment: DaskKubernetesEnvironment) -> dict[str, str]:
    """What a scheduler in this process's pod gets besides the variables that are here."""
    given = environment.variables(Target.SCHEDULER)
    return {name: str(value) for name, value in given.items() if name not in os.environ}


def plan_outside(
    environment: DaskKubernetesEnvironment, flow_run: FlowRun, client: Client
) -> ClusterPlan:
    """The plan of a run whose flow runs in this process, without a Job."""
    prepared = prepare_here(flow_run)
    prepared.setup()
    spec = prepared.spec
    parts = [name for name in ("dask_cluster", "worker_pod", "scheduler_job") if name in spec]
    for part in parts:
        check_no_secret(spec[part], f"spec.{part}")
    certificates = {}
    if environment.cluster == "pods":
        from flowenv_dask_k8s.cluster.pods.certificates import make_certificates

        certificates = make_certificates()
    return ClusterPlan(
        spec[parts[0]],
        environment.min_workers,
        environment.max_workers,
        secret=cluster_secret(spec, certificates),
        is_inside=client.where.in_cluster,
        context=environment.context,
        deadline=environment.cluster_deadline,
        scheduler=spec.get("scheduler_job"),
        certificates=certificates,
        has_log=environment.scheduler_logs,
    )


@contextlib.contextmanager
def _ready(
    environment: DaskKubernetesEnvironment, plan: ClusterPlan, cluster: RunCluster
) -> Iterator[Any]:
    """A Dask client of the cluster, kept awake, with a first worker if one comes by itself."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(cluster.scheduler_log())
        dask = stack.enter_context(connection.dask_client(cluster.dask))
        check_versions(dask)
        report_dashboard(cluster, plan, dask)
        if environment.cluster == "operator":
            # it looks for idle clusters itself: the scheduler has no timeout of its own
            stack.enter_context(keep_awake(dask, environment.idle_timeout))
        if environment.min_workers:
            _wait_for_first_worker(dask, cluster, environment.worker_deadline)
        stack.enter_context(report_workers(dask))
        yield dask


def _wait_for_first_worker(dask: Any, cluster: RunCluster, deadline: float) -> None:
    next_look = time.monotonic() + _ASK_EVERY

    def look() -> None:
        nonlocal next_look
        if time.monotonic() >= next_look:
            # in an outage nobody can say; the scheduler knows its workers itself
            with contextlib.suppress(*OUTAGES):
                cluster.why_no_worker()
            next_look = time.monotonic() + _ASK_EVERY

    try:
        wait_for_workers(dask, timeout=deadline, while_waiting=look)
    except PlatformError as error:
        if error.reason is not Reason.DEADLINE:
            raise
        raise cluster.no_worker(deadline) from error
