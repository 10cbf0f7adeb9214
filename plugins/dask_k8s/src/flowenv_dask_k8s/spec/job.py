"""From an environment and a run to the Job, the Secret and the DaskCluster: plain data."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from flowenv.errors import SpecError
from flowenv.plugin import FlowRun, Process, Secret
from flowenv_dask_k8s.spec.cluster_manifest import LONGEST_NAME, ClusterSettings, cluster_manifest
from flowenv_k8s.plugin import (
    MOUNT_PATH,
    JobSettings,
    Manifest,
    SecretEntries,
    check_fields,
    check_metadata,
    check_pod_spec,
    is_name,
    list_at,
)
from flowenv_k8s.plugin import build_spec as build_job_spec
from flowenv_k8s.plugin import check_spec as check_job_spec

CLUSTER_FILE = "dask-cluster.json"
"""The file in the run's Secret that carries the DaskCluster to the flow's container."""
CLUSTER_VARIABLE = "FLOWENV_DASK_CLUSTER"
"""Where the flow's container finds that file."""
JOB_VARIABLE, JOB_UID_VARIABLE = "FLOWENV_JOB", "FLOWENV_JOB_UID"
"""The Job's name and UID, which only Kubernetes knows: the owner of what the container makes."""

_LABEL_PATH = "metadata.labels['batch.kubernetes.io/{}']"


def build_spec(environment: ClusterSettings, flow_run: FlowRun, process: Process) -> dict[str, Any]:
    """Build the complete request for one run.

    Args:
        environment: what the user has set.
        flow_run: the run.
        process: what the flow's container runs.

    Returns:
        `{"job": …, "secret": …, "dask_cluster": …}`, and `payload` if that is too large for
        a Secret. The flow's container makes the DaskCluster; the Secret carries it there.

    Raises:
        SpecError: if the payload is too large and no `payload_url` is configured.
    """
    spec = build_job_spec(job_settings(environment), flow_run, process)
    secrets = SecretEntries.of(spec["secret"])
    cluster = cluster_manifest(environment, flow_run, process, secrets)
    marks = spec["secret"]["metadata"]
    return {
        **spec,
        "secret": secrets.manifest(marks["namespace"], marks["labels"]),
        "dask_cluster": cluster,
    }


def job_settings(environment: ClusterSettings) -> JobSettings:
    """What the flow's Job is built from."""
    is_custom = bool(environment.manifest.data)
    return environment.job_settings(
        unique_name=True,
        needs_token=True,
        labels={} if is_custom else {"app": "prefect-dask-job"},
        # the content comes when plugins have changed the DaskCluster
        files={CLUSTER_FILE: b""},
        env=(
            {"name": CLUSTER_VARIABLE, "value": f"{MOUNT_PATH}/{CLUSTER_FILE}"},
            _from_label(JOB_VARIABLE, "job-name"),
            _from_label(JOB_UID_VARIABLE, "controller-uid"),
        ),
        image_pull_secrets=() if is_custom else environment.pull_secrets,
    )


def _from_label(variable: str, label: str) -> dict[str, Any]:
    path = _LABEL_PATH.format(label)
    return {"name": variable, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def packed(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The finished spec as it is submitted: with the DaskCluster inside the Secret.

    Raises:
        SpecError: if a plugin has removed the Secret or the DaskCluster, or has put a
            secret into the DaskCluster, where everybody could read it.
    """
    for part in ("secret", "dask_cluster"):
        if not isinstance(spec.get(part), dict):
            raise SpecError(f"The spec has no {part}.")
    check_no_secret(spec["dask_cluster"], "spec.dask_cluster")
    text = json.dumps(spec["dask_cluster"], separators=(",", ":"))
    secret = spec["secret"]
    entries = {**(secret.get("stringData") or {}), CLUSTER_FILE: Secret(text)}
    return {**spec, "secret": {**secret, "stringData": entries}}


def cluster_secret(secret: Mapping[str, Any], cluster: Mapping[str, Any]) -> dict[str, Any] | None:
    """What of the run's Secret scheduler and workers refer to, for a cluster without a Job.

    Args:
        secret: the run's Secret.
        cluster: the DaskCluster.

    Returns:
        A Secret without the payload and the flow's own variables; None if nothing is left.
    """
    name, keys = secret["metadata"]["name"], set()
    for part in ("scheduler", "worker"):
        pod = cluster["spec"][part]["spec"]
        for container in (*pod["containers"], *(pod.get("initContainers") or ())):
            for entry in container.get("env") or ():
                reference = (entry.get("valueFrom") or {}).get("secretKeyRef") or {}
                if reference.get("name") == name:
                    keys.add(reference.get("key"))
    entries = {key: value for key, value in secret["stringData"].items() if key in keys}
    return {**secret, "stringData": entries} if entries else None


def check_no_secret(value: object, where: str) -> None:
    """Check that nothing secret stands in a manifest that everybody can read.

    Raises:
        SpecError: naming the place.
    """
    if isinstance(value, Secret):
        raise SpecError(
            f"{where} is a Secret, which a DaskCluster would show to everybody.",
            hint="Set it as a variable with flowenv_environment_variables, or refer to a "
            "Kubernetes Secret with valueFrom.",
        )
    if isinstance(value, Mapping):
        for name, one in value.items():
            check_no_secret(one, f"{where}.{name}")
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            check_no_secret(one, f"{where}[{index}]")


def check_spec(spec: Mapping[str, Any], flow_run: FlowRun) -> None:
    """Check a finished spec: the Job, the Secret with everything in it, the DaskCluster.

    Raises:
        SpecError: if Kubernetes or the operator would refuse it.
    """
    check_job_spec(packed(spec), flow_run)
    manifest = Manifest(
        copy.deepcopy(spec["dask_cluster"]),
        "spec.dask_cluster",
        kind="DaskCluster",
        origin=getattr(flow_run.environment, "worker_pod", None),
        origin_at=("spec", "worker"),
    )
    check_fields(manifest, ("metadata",), "ObjectMeta")
    check_metadata(manifest, (), named=True)
    name = manifest.data["metadata"]["name"]
    if not is_name(name, LONGEST_NAME) or "." in name:
        manifest.fail(
            f"{name!r} is no valid name of a DaskCluster: at most {LONGEST_NAME} lower-case "
            "letters, digits and dashes.",
            *("metadata", "name"),
        )
    for part in ("scheduler", "worker"):
        check_fields(manifest, ("spec", part, "metadata"), "ObjectMeta")
        check_fields(manifest, ("spec", part, "spec"), "PodSpec")
        check_metadata(manifest, ("spec", part))
        check_pod_spec(manifest, ("spec", part, "spec"), finished=True)
    # dask-kubernetes looks into the scheduler's arguments, and fails without
    if not list_at(manifest, "spec", "scheduler", "spec", "containers")[0].get("args"):
        manifest.fail("the scheduler's container has no args.", "spec", "scheduler")
