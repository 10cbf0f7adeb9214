"""The complete DaskCluster of a run: the scheduler's pod, its service, the workers' pods.

Written out in full, since what dask-kubernetes would fill in calls scripts that Dask no longer
has (`dask-scheduler`, `dask-worker`).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Literal, Protocol

from flowenv.plugin import FlowRun, Process, Target
from flowenv_dask_k8s.spec.resources import CLUSTER_LABEL, CLUSTERS, COMPONENT_LABEL
from flowenv_k8s.plugin import (
    FLOW_CONTAINER,
    POD_SPEC,
    JobSettings,
    Manifest,
    SecretEntries,
    base_name,
    container_env,
    list_at,
    mapping_at,
    merged_resources,
    object_name,
    restrict,
    run_annotations,
    run_labels,
    run_suffix,
    start_alike,
)

LONGEST_NAME = 53
"""The most characters of a DaskCluster's name: names made from it have to fit, too."""
COMM_PORT, DASHBOARD_PORT, WORKER_DASHBOARD_PORT = 8786, 8787, 8788
GRACE = 5
"""Seconds that scheduler and workers get to end, instead of Kubernetes' 30.

A process that is just starting doesn't hear SIGTERM, as a container's first process; and a worker
whose scheduler has gone takes longer. Neither saves anything: whoever removes a worker while the
flow runs has its data moved before.
"""
_PLACEMENT = (
    *("nodeSelector", "tolerations", "affinity", "priorityClassName", "schedulerName"),
    *("runtimeClassName", "securityContext", "serviceAccountName", "imagePullSecrets"),
    *("dnsConfig", "dnsPolicy", "hostAliases"),
)
"""What of the flow's pod holds for the scheduler's pod as well: where and as whom it runs.

Not the account's token: who reaches the scheduler can run code in it.
"""


class ClusterSettings(Protocol):
    """What a run's cluster is built from: what the environment says."""

    min_workers: int
    nthreads: int | None
    idle_timeout: int
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None
    service_account: str | None
    scheduler_resources: dict[str, Any] | None
    worker_resources: dict[str, Any] | None

    @property
    def manifest(self) -> Manifest:
        """The user's Job manifest."""

    @property
    def worker_pod(self) -> Manifest:
        """The user's Pod manifest for the workers."""

    @property
    def pull_secrets(self) -> tuple[str, ...]:
        """The pull secrets of pods that have no custom spec."""

    @property
    def target_namespace(self) -> str:
        """Where the run goes."""

    def job_settings(self, **further: Any) -> JobSettings:
        """What the run's Job is built from."""


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
    scheduler = _scheduler_pod(environment, flow_run)
    worker = _worker_pod(environment, flow_run)
    for pod, target in ((scheduler, Target.SCHEDULER), (worker["spec"], Target.WORKER)):
        _complete(pod, environment, process, target, secrets)
    return {
        "apiVersion": CLUSTERS.api_version,
        "kind": CLUSTERS.kind,
        "metadata": {
            "name": name,
            "namespace": environment.target_namespace,
            # the operator gives them to everything that it makes for the cluster
            "labels": run_labels(flow_run),
            "annotations": _annotations(flow_run),
        },
        "spec": {
            "idleTimeout": environment.idle_timeout,
            "scheduler": {"spec": scheduler, "service": _service(name)},
            "worker": {"replicas": environment.min_workers, **worker},
        },
    }


def _annotations(flow_run: FlowRun) -> dict[str, str]:
    notes = run_annotations(flow_run, "")
    del notes[FLOW_CONTAINER]
    return notes


def _scheduler_pod(environment: ClusterSettings, flow_run: FlowRun) -> dict[str, Any]:
    given = mapping_at(environment.manifest, *POD_SPEC)
    pod = {key: copy.deepcopy(given[key]) for key in _PLACEMENT if key in given}
    if environment.service_account:
        pod["serviceAccountName"] = environment.service_account
    if not given and environment.pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in environment.pull_secrets]
    containers = list_at(environment.manifest, *POD_SPEC, "containers")
    of_flow = containers[0] if containers else {}
    entries = of_flow.get("env") or []
    container: dict[str, Any] = {
        "name": "scheduler",
        "image": flow_run.image,
        # a command of its own, as an image's entry point may be anything
        "command": ["dask"],
        "args": ["scheduler", "--host", "0.0.0.0", "--port", str(COMM_PORT)],
        "env": [copy.deepcopy(one) for one in entries if str(one["name"]).startswith("DASK_")],
        "ports": _ports(comm=COMM_PORT, dashboard=DASHBOARD_PORT),
        **_probes(),
    }
    if of_flow.get("securityContext"):
        container["securityContext"] = copy.deepcopy(of_flow["securityContext"])
    if environment.scheduler_resources:
        container["resources"] = copy.deepcopy(environment.scheduler_resources)
    return {**pod, "terminationGracePeriodSeconds": GRACE, "containers": [container]}


def _probes() -> dict[str, Any]:
    health = {"path": "/health", "port": "http-dashboard"}
    return {
        "startupProbe": {
            "httpGet": health,
            "periodSeconds": 1,
            "timeoutSeconds": 5,
            "failureThreshold": 600,  # our own deadline comes first, and says why
        },
        "readinessProbe": {"httpGet": dict(health), "periodSeconds": 1, "timeoutSeconds": 5},
        # a scheduler with much to do answers late, and must not be restarted for that
        "livenessProbe": {
            "httpGet": dict(health),
            "periodSeconds": 30,
            "timeoutSeconds": 60,
            "failureThreshold": 5,
        },
    }


def _worker_pod(environment: ClusterSettings, flow_run: FlowRun) -> dict[str, Any]:
    given = copy.deepcopy(environment.worker_pod.data)
    metadata = given.get("metadata") or {}
    pod: dict[str, Any] = given.get("spec") or {}
    pod["containers"] = pod.get("containers") or [{}]
    pod.pop("restartPolicy", None)  # the operator makes Deployments, which allow Always only
    if not given and environment.pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in environment.pull_secrets]
    if len(pod["containers"]) == 1:
        pod.setdefault("terminationGracePeriodSeconds", GRACE)
    container = pod["containers"][0]
    container.setdefault("name", "worker")
    container.setdefault("image", flow_run.image)
    if not container.get("command") and not container.get("args"):
        threads: list[str] = []
        if environment.nthreads:
            # else a worker takes only as much of its memory as its threads are of the node's CPUs
            threads = ["--nthreads", str(environment.nthreads), "--memory-limit", "1.0"]
        container["command"] = ["dask"]
        container["args"] = [
            *("worker", "--name", "$(DASK_WORKER_NAME)"),
            *("--dashboard-address", str(WORKER_DASHBOARD_PORT)),
            *threads,
        ]
    container.setdefault("ports", _ports(dashboard=WORKER_DASHBOARD_PORT))
    if environment.worker_resources:
        there = container.get("resources")
        container["resources"] = merged_resources(there, environment.worker_resources)
    labels = {**(metadata.get("labels") or {})} if given else {"app": "prefect-dask-worker"}
    marks = {"labels": labels, "annotations": metadata.get("annotations") or {}}
    return {"metadata": {key: value for key, value in marks.items() if value}, "spec": pod}


def _complete(
    pod: dict[str, Any],
    environment: ClusterSettings,
    process: Process,
    target: Target,
    secrets: SecretEntries,
) -> None:
    """Set names, pull policies, variables and limits to what a pod's containers may do."""
    first, *sidecars = pod["containers"]
    inits = pod.get("initContainers") or []
    for index, container in enumerate([*sidecars, *inits], start=1):
        container.setdefault("name", f"container-{index}")
    if environment.image_pull_policy:
        first["imagePullPolicy"] = environment.image_pull_policy
    container_env(first, process, target, secrets, start_alike(pod, first, process))
    for container in (*sidecars, *inits):
        container_env(container, process, Target.SIDECAR, secrets)
    restrict(pod, first)
    # a worker's manifest may ask for it
    pod.setdefault("automountServiceAccountToken", False)


def _service(name: str) -> dict[str, Any]:
    return {
        "type": "ClusterIP",
        "selector": {CLUSTER_LABEL: name, COMPONENT_LABEL: "scheduler"},
        "ports": [
            {"name": port, "protocol": "TCP", "port": number, "targetPort": port}
            for port, number in (("tcp-comm", COMM_PORT), ("http-dashboard", DASHBOARD_PORT))
        ],
    }


def _ports(*, dashboard: int, comm: int | None = None) -> list[dict[str, Any]]:
    named: Mapping[str, int | None] = {"tcp-comm": comm, "http-dashboard": dashboard}
    return [
        {"name": name, "containerPort": number, "protocol": "TCP"}
        for name, number in named.items()
        if number
    ]
