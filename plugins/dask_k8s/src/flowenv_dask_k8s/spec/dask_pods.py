"""The pods of Dask that a run needs besides its own: the scheduler's and the workers'.

Written out in full, since what dask-kubernetes would fill in calls scripts that Dask no longer
has (`dask-scheduler`, `dask-worker`).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from flowenv.plugin import FlowRun, Process, Target
from flowenv_k8s.plugin import (
    FLOW_CONTAINER,
    POD_SPEC,
    JobSettings,
    Manifest,
    SecretEntries,
    container_env,
    list_at,
    mapping_at,
    merged_resources,
    restrict,
    run_annotations,
    start_alike,
)

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

    cluster: Literal["pods", "operator"]
    min_workers: int
    nthreads: int | None
    idle_timeout: int
    deadline: int | None
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


def scheduler_pod(environment: ClusterSettings, flow_run: FlowRun) -> dict[str, Any]:
    """The scheduler's pod, which runs where and as whom the flow's does.

    Args:
        environment: what the user has set.
        flow_run: the run.
    """
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
        "ports": ports_of(comm=COMM_PORT, dashboard=DASHBOARD_PORT),
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


def worker_pod(
    environment: ClusterSettings, flow_run: FlowRun, command: Sequence[str], further: Sequence[str]
) -> dict[str, Any]:
    """A worker's pod: the user's, with what is missing there.

    Args:
        environment: what the user has set.
        flow_run: the run.
        command: what runs a worker, where the user's manifest says nothing.
        further: its further arguments.

    Returns:
        `{"metadata": …, "spec": …}`.
    """
    given = copy.deepcopy(environment.worker_pod.data)
    metadata = given.get("metadata") or {}
    pod: dict[str, Any] = given.get("spec") or {}
    pod["containers"] = pod.get("containers") or [{}]
    pod.pop("restartPolicy", None)  # whoever makes the workers starts them again
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
        container["command"] = list(command[:1])
        container["args"] = [
            *(*command[1:], "--name", "$(DASK_WORKER_NAME)"),
            *further,
            *threads,
        ]
    if environment.worker_resources:
        there = container.get("resources")
        container["resources"] = merged_resources(there, environment.worker_resources)
    labels = {**(metadata.get("labels") or {})} if given else {"app": "prefect-dask-worker"}
    marks = {"labels": labels, "annotations": metadata.get("annotations") or {}}
    return {"metadata": {key: value for key, value in marks.items() if value}, "spec": pod}


def complete(
    pod: dict[str, Any],
    environment: ClusterSettings,
    process: Process,
    target: Target,
    secrets: SecretEntries,
    last: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Set names, pull policies, variables and limits to what a pod's containers may do.

    Args:
        pod: the pod's spec, which is changed.
        environment: what the user has set.
        process: whose variables are merged.
        target: what its first container is.
        secrets: the run's Secret, where secret variables go.
        last: further entries of the first container's variables, which win over all others.
    """
    first, *sidecars = pod["containers"]
    inits = pod.get("initContainers") or []
    for index, container in enumerate([*sidecars, *inits], start=1):
        container.setdefault("name", f"container-{index}")
    if environment.image_pull_policy:
        first["imagePullPolicy"] = environment.image_pull_policy
    own = start_alike(pod, first, process)
    container_env(first, process, target, secrets, own, last)
    for container in (*sidecars, *inits):
        container_env(container, process, Target.SIDECAR, secrets)
    restrict(pod, first)
    # a worker's manifest may ask for it
    pod.setdefault("automountServiceAccountToken", False)


def ports_of(*, dashboard: int, comm: int | None = None) -> list[dict[str, Any]]:
    """A container's ports, as a manifest has them."""
    named: Mapping[str, int | None] = {"tcp-comm": comm, "http-dashboard": dashboard}
    return [
        {"name": name, "containerPort": number, "protocol": "TCP"}
        for name, number in named.items()
        if number
    ]


def annotations_of(flow_run: FlowRun) -> dict[str, str]:
    """What an object that Dask needs says of its run."""
    notes = run_annotations(flow_run, "")
    del notes[FLOW_CONTAINER]
    return notes
