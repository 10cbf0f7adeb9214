"""From an environment and a run to the Job, the Secret, and what makes its cluster: plain data."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from flowenv.errors import SpecError
from flowenv.plugin import FlowRun, Process, Secret, SecretDocument
from flowenv_dask_k8s.spec.cluster_manifest import LONGEST_NAME, cluster_manifest
from flowenv_dask_k8s.spec.dask_pods import ClusterSettings
from flowenv_dask_k8s.spec.pods_manifest import scheduler_job, worker_manifest
from flowenv_dask_k8s.spec.tls import FILES as CERTIFICATES
from flowenv_k8s.plugin import (
    FURTHER_PODS,
    MOUNT_PATH,
    POD_SPEC,
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
"""The file in the run's Secret that carries the DaskCluster, or the worker's pod, to the flow's
container."""
CLUSTER_VARIABLE = "FLOWENV_DASK_CLUSTER"
"""Where the flow's container finds that file."""
DIGEST_VARIABLE = "FLOWENV_DASK_CLUSTER_SHA256"
"""By what the flow's container knows that file, and its certificates: a Job's pods can't change."""
JOB_VARIABLE, JOB_UID_VARIABLE = "FLOWENV_JOB", "FLOWENV_JOB_UID"
"""The Job's name and UID, which only Kubernetes knows: the owner of what the container makes."""
POD_VARIABLE, ADDRESS_VARIABLE = "FLOWENV_POD", "FLOWENV_POD_IP"
"""The flow's pod's own name and address, where the cluster is made of pods."""

_LABEL_PATH = "metadata.labels['batch.kubernetes.io/{}']"


def build_spec(environment: ClusterSettings, flow_run: FlowRun, process: Process) -> dict[str, Any]:
    """Build the complete request for one run.

    Args:
        environment: what the user has set.
        flow_run: the run.
        process: what the flow's container runs.

    Returns:
        `{"job": …, "secret": …}`, `payload` if that is too large for a Secret, and what the
        flow's container makes the cluster of, which the Secret carries there: `worker_pod`, or
        for the operator `dask_cluster`. Where the flow runs outside of Kubernetes, a scheduler of
        its own is `scheduler_job`.

    Raises:
        SpecError: if the payload is too large and no `payload_url` is configured.
    """
    spec = build_job_spec(job_settings(environment), flow_run, process)
    secrets = SecretEntries.of(spec["secret"])
    build = worker_manifest if environment.cluster == "pods" else cluster_manifest
    part = {part_of(environment): build(environment, flow_run, process, secrets)}
    spec["job"]["metadata"]["annotations"][FURTHER_PODS] = "true"
    if environment.cluster == "pods" and not process.files:  # the flow runs outside
        part["scheduler_job"] = scheduler_job(environment, flow_run, process, secrets)
    marks = spec["secret"]["metadata"]
    return {**spec, "secret": secrets.manifest(marks["namespace"], marks["labels"]), **part}


def part_of(environment: ClusterSettings) -> str:
    """What part of a spec the cluster is made of."""
    return "worker_pod" if environment.cluster == "pods" else "dask_cluster"


def job_settings(environment: ClusterSettings) -> JobSettings:
    """What the flow's Job is built from."""
    is_custom = bool(environment.manifest.data)
    files, env = {CLUSTER_FILE: b""}, []
    if environment.cluster == "pods":
        files |= dict.fromkeys(CERTIFICATES, b"")
        env = [
            _from_field(POD_VARIABLE, "metadata.name"),
            _from_field(ADDRESS_VARIABLE, "status.podIP"),
        ]
    return environment.job_settings(
        unique_name=True,
        needs_token=True,
        labels={} if is_custom else {"app": "prefect-dask-job"},
        # the contents come when plugins have changed what the cluster is made of
        files=files,
        env=(
            {"name": CLUSTER_VARIABLE, "value": f"{MOUNT_PATH}/{CLUSTER_FILE}"},
            _from_field(JOB_VARIABLE, _LABEL_PATH.format("job-name")),
            _from_field(JOB_UID_VARIABLE, _LABEL_PATH.format("controller-uid")),
            *env,
        ),
        image_pull_secrets=() if is_custom else environment.pull_secrets,
    )


def _from_field(variable: str, path: str) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def packed(
    spec: Mapping[str, Any],
    environment: ClusterSettings,
    certificates: Mapping[str, Secret] | None = None,
) -> dict[str, Any]:
    """The finished spec as it is submitted: all that the flow's container needs in the Secret.

    Args:
        spec: the spec.
        environment: what the user has set.
        certificates: the run's, by the names of their files.

    Raises:
        SpecError: if a plugin has removed the Secret or what the cluster is made of, or has put
            a secret there, where everybody could read it.
    """
    of_cluster = part_of(environment)
    for part in ("secret", of_cluster):
        if not isinstance(spec.get(part), dict):
            raise SpecError(f"The spec has no {part}.")
    check_no_secret(spec[of_cluster], f"spec.{of_cluster}")
    text = json.dumps(spec[of_cluster], separators=(",", ":"))
    secret = spec["secret"]
    given = secret.get("stringData") or {}
    own = certificates or {}
    contents = {name: one.reveal().encode() for name, one in own.items()}
    digest = digest_of({CLUSTER_FILE: text.encode(), **contents})
    entries = {**given, CLUSTER_FILE: SecretDocument(text), **own}
    job = _with_digest(spec["job"], digest)
    return {**spec, "job": job, "secret": {**secret, "stringData": entries}}


def digest_of(files: Mapping[str, bytes]) -> str:
    """The SHA-256 by which a container knows the files that make its cluster.

    Args:
        files: what they hold, by name.
    """
    each = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return hashlib.sha256(json.dumps(each, sort_keys=True).encode()).hexdigest()


def _with_digest(job: Any, digest: str) -> Any:
    """A Job whose flow's container knows the digest: the one that knows the file."""
    if not isinstance(job, Mapping):
        return job  # the check of the Job says so
    job = copy.deepcopy(job)
    pod = ((job.get("spec") or {}).get("template") or {}).get("spec") or {}
    for container in pod.get("containers") or ():
        names = [one.get("name") for one in container.get("env") or ()]
        if CLUSTER_VARIABLE in names:
            container["env"].append({"name": DIGEST_VARIABLE, "value": digest})
    return job


def cluster_secret(
    spec: Mapping[str, Any], certificates: Mapping[str, Secret] | None = None
) -> dict[str, Any] | None:
    """What of the run's Secret scheduler and workers refer to, for a cluster without a Job.

    Args:
        spec: the finished spec.
        certificates: the run's, by the names of their files.

    Returns:
        A Secret without the payload and the flow's own variables; None if nothing is left.
    """
    secret = spec["secret"]
    name, keys = secret["metadata"]["name"], set()
    for pod in _pods_of_dask(spec):
        for container in (*pod["containers"], *(pod.get("initContainers") or ())):
            for entry in container.get("env") or ():
                reference = (entry.get("valueFrom") or {}).get("secretKeyRef") or {}
                if reference.get("name") == name:
                    keys.add(reference.get("key"))
    entries = {key: value for key, value in secret["stringData"].items() if key in keys}
    entries |= certificates or {}
    return {**secret, "stringData": entries} if entries else None


def _pods_of_dask(spec: Mapping[str, Any]) -> list[Any]:
    if cluster := spec.get("dask_cluster"):
        return [cluster["spec"][part]["spec"] for part in ("scheduler", "worker")]
    return [spec["worker_pod"]["spec"], spec["scheduler_job"]["spec"]["template"]["spec"]]


def check_no_secret(value: object, where: str) -> None:
    """Check that nothing secret stands in a manifest that everybody can read.

    Raises:
        SpecError: naming the place.
    """
    if isinstance(value, Secret):
        raise SpecError(
            f"{where} is a Secret, which that object would show to everybody.",
            hint="Set it as a variable with flowenv_environment_variables, or refer to a "
            "Kubernetes Secret with valueFrom.",
        )
    if isinstance(value, Mapping):
        for name, one in value.items():
            check_no_secret(one, f"{where}.{name}")
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            check_no_secret(one, f"{where}[{index}]")


def check_spec(spec: Mapping[str, Any], flow_run: FlowRun, environment: ClusterSettings) -> None:
    """Check a finished spec: the Job, the Secret with everything in it, the cluster's pods.

    Raises:
        SpecError: if Kubernetes or the operator would refuse it.
    """
    check_job_spec(packed(spec, environment), flow_run)
    if environment.cluster == "pods":
        manifest = Manifest(
            copy.deepcopy(spec["worker_pod"]),
            "spec.worker_pod",
            kind="Pod",
            origin=environment.worker_pod,
        )
        check_metadata(manifest, (), named=True)
        check_pod_spec(manifest, ("spec",), finished=True)
        if made := spec.get("scheduler_job"):
            manifest = Manifest(copy.deepcopy(made), "spec.scheduler_job", kind="Job")
            check_metadata(manifest, (), named=True)
            check_pod_spec(manifest, POD_SPEC, finished=True)
    else:
        _check_dask_cluster(spec["dask_cluster"], environment)


def _check_dask_cluster(cluster: Mapping[str, Any], environment: ClusterSettings) -> None:
    manifest = Manifest(
        copy.deepcopy(dict(cluster)),
        "spec.dask_cluster",
        kind="DaskCluster",
        origin=environment.worker_pod,
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
