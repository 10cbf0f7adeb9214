"""From an environment and a run to the Job and the Secret that Kubernetes gets: plain data.

Nothing here talks to a cluster. Secret values are `flowenv.Secret` objects until the Secret
is sent.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from flowenv.errors import SpecError
from flowenv.plugin import (
    PAYLOAD_FILE,
    FlowRun,
    Payload,
    Process,
    Secret,
    check_results_are_shared,
    payload_object,
    payload_url,
)
from flowenv_k8s.spec.checks import LARGEST_SECRET, POD_SPEC, check_job, check_secret_size
from flowenv_k8s.spec.common_part import common_objects
from flowenv_k8s.spec.job_settings import JobSettings
from flowenv_k8s.spec.labels import FLOW_CONTAINER, PAYLOAD, STORED, run_annotations, run_labels
from flowenv_k8s.spec.manifests.manifest import Manifest, mapping_at
from flowenv_k8s.spec.manifests.structure import check_fields
from flowenv_k8s.spec.names import object_name, run_suffix
from flowenv_k8s.spec.pod import complete_pod
from flowenv_k8s.spec.runtime import runtime_config_map
from flowenv_k8s.spec.variables import SecretEntries

DAY = 86400
DEFAULT_TTL = DAY
DEFAULT_DEADLINE = 7 * DAY


def build_spec(settings: JobSettings, flow_run: FlowRun, process: Process) -> dict[str, Any]:
    """Build the complete request for one run.

    Args:
        settings: what the environment says.
        flow_run: the run.
        process: what the flow's container runs.

    Returns:
        `{"job": …, "secret": …}`: two manifests; without anything secret or any file
        there is no `secret`. A payload that is too large for a Secret comes as
        `{"payload": {"url": …, "content": bytes}}` besides. Where flowenv travels with the
        run, `runtime` is the ConfigMap that brings it; of a batch's runs, `common` has what their
        payloads share: a `secret`, and the `config_map` that owns it.

    Raises:
        SpecError: if the payload is too large and no `payload_url` is configured.
    """
    given = copy.deepcopy(settings.manifest.data)
    given.pop("status", None)
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {}, "spec": {}, **given}
    name = _job_name(settings, flow_run)
    secret_name = name if name.endswith(run_suffix(flow_run.id)) else _unique(name, flow_run)
    secrets = SecretEntries(secret_name)
    spec: dict[str, Any] = {"job": job}
    payload = _payload_of(process)
    url = _place_files(settings, flow_run, payload, secrets, spec)
    complete_pod(job, settings, flow_run, process, secrets, payload, url)
    flow_container = job["spec"]["template"]["spec"]["containers"][0]["name"]
    labels = {**run_labels(flow_run), **settings.labels}
    notes = run_annotations(flow_run, flow_container)
    _complete_job(job, settings, name, labels, {**notes, **({PAYLOAD: STORED} if url else {})})
    if payload.common:
        spec["common"] = common_objects(payload.common, settings.namespace)
    if process.runtime:
        spec["runtime"] = runtime_config_map(process.runtime, settings.namespace)
    if secrets:
        spec["secret"] = secrets.manifest(settings.namespace, labels)
    return spec


def _job_name(settings: JobSettings, flow_run: FlowRun) -> str:
    given = (settings.manifest.data.get("metadata") or {}).get("name")
    if given and not settings.unique_name:
        return str(given)
    return _unique(base_name(settings.manifest, flow_run), flow_run)


def base_name(manifest: Manifest, flow_run: FlowRun) -> str:
    """What a run's objects are named after: the user's manifest, else the flow."""
    metadata = manifest.data.get("metadata") or {}
    return str(metadata.get("name") or metadata.get("generateName") or flow_run.flow_name)


def _unique(base: str, flow_run: FlowRun) -> str:
    return object_name(base, run_suffix(flow_run.id))


def _payload_of(process: Process) -> Payload:
    """The payload, in parts if the common one fits into a Secret."""
    payload = process.payload
    if payload.common and len(payload.common) > LARGEST_SECRET:
        return Payload(process.files[PAYLOAD_FILE])
    return payload


def _place_files(
    settings: JobSettings,
    flow_run: FlowRun,
    payload: Payload,
    secrets: SecretEntries,
    spec: dict[str, Any],
) -> str:
    """Put the files into the Secret; a payload that doesn't fit goes to the URL returned."""
    files = {**({PAYLOAD_FILE: payload.own} if payload.own else {}), **settings.files}
    size = sum(len(content) for content in files.values())
    base, url = payload_url(flow_run.environment), ""
    # the variables in the Secret are small; what they need is kept free
    if base and size > LARGEST_SECRET - 64 * 1024:
        url = payload_object(base, flow_run.id)
        spec["payload"] = {"url": url, "content": files.pop(PAYLOAD_FILE)}
    for name, content in files.items():
        secrets.add_file(name, content)
    return url


def _complete_job(
    job: dict[str, Any],
    settings: JobSettings,
    name: str,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
) -> None:
    metadata = job["metadata"]
    metadata.pop("generateName", None)
    metadata.update(name=name, namespace=settings.namespace)
    template = job["spec"]["template"]
    for marked in (metadata, template.setdefault("metadata", {})):
        marked["labels"] = {**(marked.get("labels") or {}), **labels}
        marked["annotations"] = {**(marked.get("annotations") or {}), **annotations}
    spec = job["spec"]
    spec.setdefault("backoffLimit", 0)
    # with the default policy two pods of one run could be there at once
    spec.setdefault("podReplacementPolicy", "Failed")
    _keep_exit_code(spec)
    if settings.ttl is not None:
        spec["ttlSecondsAfterFinished"] = settings.ttl
    spec.setdefault("ttlSecondsAfterFinished", DEFAULT_TTL)
    if settings.deadline is not None:
        spec["activeDeadlineSeconds"] = settings.deadline
    spec.setdefault("activeDeadlineSeconds", DEFAULT_DEADLINE)
    if not spec["activeDeadlineSeconds"]:
        del spec["activeDeadlineSeconds"]
        # nothing else would end a sidecar that never ends when nobody follows the run
        if len(template["spec"]["containers"]) > 1:
            spec["activeDeadlineSeconds"] = DEFAULT_DEADLINE


def _keep_exit_code(spec: dict[str, Any]) -> None:
    """Have the Job itself say how its pod failed, for who asks when the pod is gone.

    A Job of one attempt fails with its pod anyway; with this its condition names the exit code.
    """
    pod = spec["template"]["spec"]
    one_attempt = not spec["backoffLimit"] and pod["restartPolicy"] == "Never"
    if not one_attempt or spec["podReplacementPolicy"] != "Failed":
        return
    codes = {"containerName": pod["containers"][0]["name"], "operator": "NotIn", "values": [0]}
    disrupted = [{"type": "DisruptionTarget", "status": "True"}]
    rules = [
        {"action": "FailJob", "onPodConditions": disrupted},
        {"action": "FailJob", "onExitCodes": codes},
    ]
    spec.setdefault("podFailurePolicy", {"rules": rules})


def check_spec(spec: Mapping[str, Any], flow_run: FlowRun) -> None:
    """Check a finished spec: the Job's manifest and the Secret's size.

    Raises:
        SpecError: if Kubernetes would refuse it.
    """
    job = spec.get("job")
    if not isinstance(job, dict):
        raise SpecError("The spec has no job.")
    manifest = Manifest(job, "spec.job", origin=_manifest_of(flow_run))
    check_fields(manifest, (), "Job")
    check_job(manifest, finished=True)
    check_results_are_shared(flow_run.environment, _shared_places(manifest))
    if secret := spec.get("secret"):
        entries = {**(secret.get("stringData") or {}), **(secret.get("data") or {})}
        check_secret_size(sum(_size(value) for value in entries.values()))


_GOES_WITH_THE_POD = ("emptyDir", "ephemeral")


def _shared_places(manifest: Manifest) -> list[str]:
    """Where in the flow's container there is a volume that outlives the pod."""
    pod = mapping_at(manifest, *POD_SPEC)
    name = mapping_at(manifest, "metadata", "annotations").get(FLOW_CONTAINER)
    containers = pod.get("containers") or [{}]
    flow = next((one for one in containers if one.get("name") == name), containers[0])
    shared = {
        one.get("name")
        for one in pod.get("volumes") or ()
        if not any(kind in one for kind in _GOES_WITH_THE_POD)
    }
    mounts = [one for one in flow.get("volumeMounts") or () if one.get("name") in shared]
    return [str(one.get("mountPath")) for one in mounts]


def _manifest_of(flow_run: FlowRun) -> Manifest | None:
    found = getattr(flow_run.environment, "manifest", None)
    return found if isinstance(found, Manifest) else None


def _size(value: object) -> int:
    if isinstance(value, bytes):
        return len(value)
    return value.size if isinstance(value, Secret) else len(str(value).encode())
