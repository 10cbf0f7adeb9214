"""The pods of a run that makes its Dask cluster itself: plain ones, owned by a Job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowenv.plugin import FlowRun, Process, Target
from flowenv_dask_k8s.spec.dask_pods import (
    COMM_PORT,
    DASHBOARD_PORT,
    WORKER_DASHBOARD_PORT,
    ClusterSettings,
    annotations_of,
    complete,
    scheduler_pod,
    worker_pod,
)
from flowenv_dask_k8s.spec.resources import ATTEMPT
from flowenv_dask_k8s.spec.tls import MOUNT_PATH, mount_certificates, tls_variables
from flowenv_k8s.plugin import (
    JOBS,
    PODS,
    PREFIX,
    RUN_ID,
    SecretEntries,
    base_name,
    object_name,
    run_labels,
    run_suffix,
)

COMPONENT = PREFIX + "dask"
"""Label: `scheduler` or `worker`, of the pods that a run makes for Dask."""
LONGEST_NAME = 43
"""The most characters of what a run's workers are named after: `-worker-1a2b-12345` follows."""
DEATH_TIMEOUT = 60
"""Seconds after which a worker that finds no scheduler ends."""
SCHEDULER_TTL = 60
"""Seconds that the Job of a scheduler in a pod of its own is kept when the scheduler has ended."""
LONGEST_LIFE = 7 * 86400
"""Seconds that it may take in all, unless the environment's deadline says otherwise."""
SCHEDULER_COMMAND = ("python", "-m", "distributed.cli.dask_scheduler")
WORKER_COMMAND = ("python", "-m", "distributed.cli.dask_worker")
"""A worker; by its module, which is there before the `dask` script has looked for all commands."""
_ONE_PROCESS = {
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""What Dask's nanny sets in a worker (`distributed.nanny.pre-spawn-environ`). There is none here:
what watches over the worker's process is Kubernetes."""


def worker_manifest(
    environment: ClusterSettings, flow_run: FlowRun, process: Process, secrets: SecretEntries
) -> dict[str, Any]:
    """A worker's pod, finished but for its number, its owner and where the scheduler is.

    Args:
        environment: what the user has set.
        flow_run: the run.
        process: whose variables are merged.
        secrets: the run's Secret, where secret variables go and the certificates are.
    """
    further = (
        "--no-nanny",
        *("--death-timeout", str(DEATH_TIMEOUT)),
        # nobody would reach it; what is there without bokeh listens on the loopback, too
        *("--no-dashboard", "--dashboard-address", f"127.0.0.1:{WORKER_DASHBOARD_PORT}"),
    )
    made = worker_pod(environment, flow_run, WORKER_COMMAND, further)
    pod, metadata = made["spec"], made.get("metadata") or {}
    pod["restartPolicy"] = "Never"
    container = pod["containers"][0]
    named = {one["name"] for one in container.get("env") or ()}
    own = [{"name": n, "value": v} for n, v in _ONE_PROCESS.items() if n not in named]
    container["env"] = [*own, *(container.get("env") or ())]
    told = [{"name": name, "value": value} for name, value in tls_variables(MOUNT_PATH).items()]
    complete(pod, environment, process, Target.WORKER, secrets, told)
    mount_certificates(pod, secrets.name)
    base = base_name(environment.manifest, flow_run)
    name = object_name(base, run_suffix(flow_run.id), LONGEST_NAME)
    labels = {**(metadata.get("labels") or {}), **run_labels(flow_run), COMPONENT: "worker"}
    return {
        "apiVersion": PODS.api_version,
        "kind": PODS.kind,
        "metadata": {
            "name": f"{name}-worker",
            "namespace": environment.target_namespace,
            "labels": labels,
            "annotations": {**(metadata.get("annotations") or {}), **annotations_of(flow_run)},
        },
        "spec": pod,
    }


def numbered_worker(
    manifest: Mapping[str, Any],
    name: str,
    *,
    scheduler: str,
    attempt: str,
    owner: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """One worker's pod, with what only the run that makes it knows.

    Args:
        manifest: what `worker_manifest` gives.
        name: its name.
        scheduler: the scheduler's address for workers.
        attempt: which attempt of the run makes it.
        owner: the ownerReference to the run's Job; None where there is no Job.
    """
    metadata, spec = manifest["metadata"], manifest["spec"]
    first, *others = spec["containers"]
    told = [
        {"name": "DASK_SCHEDULER_ADDRESS", "value": scheduler},
        {"name": "DASK_WORKER_NAME", "value": name},
    ]
    named = {entry["name"] for entry in told}
    env = [entry for entry in first.get("env") or () if entry["name"] not in named]
    return {
        **manifest,
        "metadata": {
            **metadata,
            "name": name,
            "annotations": {**(metadata.get("annotations") or {}), ATTEMPT: attempt},
            **({"ownerReferences": [dict(owner)]} if owner else {}),
        },
        "spec": {**spec, "containers": [{**first, "env": [*told, *env]}, *others]},
    }


def scheduler_job(
    environment: ClusterSettings, flow_run: FlowRun, process: Process, secrets: SecretEntries
) -> dict[str, Any]:
    """The Job whose only pod is the scheduler, for a flow that runs outside of Kubernetes.

    It owns all else. When the flow's process is gone the scheduler ends after its idle timeout,
    and the Job is removed with all that it owns a minute later. It isn't a run's Job, and isn't
    listed as one.

    Args:
        environment: what the user has set.
        flow_run: the run.
        process: whose variables are merged.
        secrets: the run's Secret, where secret variables go and the certificates are.
    """
    pod = scheduler_pod(environment, flow_run)
    pod["restartPolicy"] = "Never"
    container = pod["containers"][0]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe", "ports"):
        del container[probe]  # its web server listens on the loopback only
    container["command"] = list(SCHEDULER_COMMAND[:1])
    container["args"] = [
        *SCHEDULER_COMMAND[1:],
        *("--port", str(COMM_PORT), "--protocol", "tls"),
        *("--no-dashboard", "--dashboard-address", f"127.0.0.1:{DASHBOARD_PORT}"),
        *(("--idle-timeout", str(environment.idle_timeout)) if environment.idle_timeout else ()),
    ]
    told = [{"name": name, "value": value} for name, value in tls_variables(MOUNT_PATH).items()]
    complete(pod, environment, process, Target.SCHEDULER, secrets, told)
    mount_certificates(pod, secrets.name)
    base = base_name(environment.manifest, flow_run)
    name = object_name(base, run_suffix(flow_run.id), LONGEST_NAME)
    labels = {**run_labels(flow_run), COMPONENT: "scheduler"}
    marks = {"labels": labels, "annotations": annotations_of(flow_run)}
    return {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.kind,
        "metadata": {
            "name": f"{name}-scheduler",
            "namespace": environment.target_namespace,
            "labels": {key: value for key, value in labels.items() if key != RUN_ID},
            "annotations": marks["annotations"],
        },
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": SCHEDULER_TTL,
            "activeDeadlineSeconds": environment.deadline or LONGEST_LIFE,
            "template": {"metadata": marks, "spec": pod},
        },
    }
