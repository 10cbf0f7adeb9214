"""The complete DaskCluster of a run: the scheduler's pod, its service, the workers' pods."""

from __future__ import annotations

from typing import Any

from flowenv.plugin import FlowRun, Process, Target
from flowenv_dask_k8s.spec.dask_pods import (
    COMM_PORT,
    DASHBOARD_PORT,
    WORKER_DASHBOARD_PORT,
    ClusterSettings,
    annotations_of,
    complete,
    ports_of,
    scheduler_pod,
    worker_pod,
)
from flowenv_dask_k8s.spec.resources import CLUSTER_LABEL, CLUSTERS, COMPONENT_LABEL
from flowenv_k8s.plugin import SecretEntries, base_name, object_name, run_labels, run_suffix

LONGEST_NAME = 53
"""The most characters of a DaskCluster's name: names made from it have to fit, too."""


def cluster_manifest(
    environment: ClusterSettings,
    flow_run: FlowRun,
    process: Process,
    secrets: SecretEntries,
) -> dict[str, Any]:
    """Build a run's DaskCluster.

    Args:
        environment: what the user has set.
        flow_run: the run.
        process: whose variables are merged.
        secrets: the run's Secret, where secret variables go.
    """
    base = base_name(environment.manifest, flow_run)
    name = object_name(base, run_suffix(flow_run.id), LONGEST_NAME)
    scheduler = scheduler_pod(environment, flow_run)
    address = ("--dashboard-address", str(WORKER_DASHBOARD_PORT))
    worker = worker_pod(environment, flow_run, ("dask", "worker"), address)
    first = worker["spec"]["containers"][0]
    first.setdefault("ports", ports_of(dashboard=WORKER_DASHBOARD_PORT))
    for pod, target in ((scheduler, Target.SCHEDULER), (worker["spec"], Target.WORKER)):
        complete(pod, environment, process, target, secrets)
    return {
        "apiVersion": CLUSTERS.api_version,
        "kind": CLUSTERS.kind,
        "metadata": {
            "name": name,
            "namespace": environment.target_namespace,
            # the operator gives them to everything that it makes for the cluster
            "labels": run_labels(flow_run),
            "annotations": annotations_of(flow_run),
        },
        "spec": {
            "idleTimeout": environment.idle_timeout,
            "scheduler": {"spec": scheduler, "service": _service(name)},
            "worker": {"replicas": environment.min_workers, **worker},
        },
    }


def _service(name: str) -> dict[str, Any]:
    return {
        "type": "ClusterIP",
        "selector": {CLUSTER_LABEL: name, COMPONENT_LABEL: "scheduler"},
        "ports": [
            {"name": port, "protocol": "TCP", "port": number, "targetPort": port}
            for port, number in (("tcp-comm", COMM_PORT), ("http-dashboard", DASHBOARD_PORT))
        ],
    }
