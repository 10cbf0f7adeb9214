"""The pod of a run's Job: what its containers run, the files they find and their variables."""

from __future__ import annotations

from typing import Any

from flowenv.plugin import PAYLOAD_FILE, FlowRun, Payload, Process, Target, contract, seal_of
from flowenv_k8s.spec.common_part import mount_common
from flowenv_k8s.spec.job_settings import JobSettings
from flowenv_k8s.spec.pod_security import restrict
from flowenv_k8s.spec.quantities import merged_resources
from flowenv_k8s.spec.runtime import MOUNT_PATH as RUNTIME_PATH
from flowenv_k8s.spec.runtime import mount_runtime
from flowenv_k8s.spec.user_manifest import VOLUME
from flowenv_k8s.spec.variables import SecretEntries, container_env

MOUNT_PATH = "/var/run/flowenv"
"""Where the flow's container finds the payload and the other files of the Secret."""
TERMINATION_MESSAGE = "/dev/termination-log"
MESSAGES_OF_A_POD = 12 * 1024
"""Bytes that the kubelet keeps of the termination messages of a pod, shared equally by all its
containers, init containers included."""
LARGEST_MESSAGE = 4096
"""The most bytes that it keeps of one of them."""


def complete_pod(
    job: dict[str, Any],
    settings: JobSettings,
    flow_run: FlowRun,
    process: Process,
    secrets: SecretEntries,
    payload: Payload,
    url: str,
) -> None:
    """Complete the pod of a run's Job, in place.

    Args:
        job: the Job as the user's manifest has it.
        settings: what the environment says.
        flow_run: the run.
        process: what the flow's container runs.
        secrets: gets the secret variables; its files are mounted.
        payload: the payload.
        url: where the payload is, if it is in a store; else empty.
    """
    spec = job["spec"].setdefault("template", {}).setdefault("spec", {})
    spec.setdefault("restartPolicy", "Never")
    if settings.service_account:
        spec["serviceAccountName"] = settings.service_account
    if settings.needs_token:
        spec.setdefault("automountServiceAccountToken", True)
    if settings.image_pull_secrets and not spec.get("imagePullSecrets"):
        spec["imagePullSecrets"] = [{"name": name} for name in settings.image_pull_secrets]
    spec["containers"] = containers = spec.get("containers") or [{}]
    for index, container in enumerate(containers):
        container.setdefault("name", f"container-{index}" if index else "flow")
    for index, container in enumerate(spec.get("initContainers") or []):
        container.setdefault("name", f"init-{index}")
    flow, *sidecars = containers
    _complete_flow_container(flow, settings, flow_run, process)
    restrict(spec, flow)
    mounted = _mount_files(spec, flow, secrets)
    own = {
        contract.PAYLOAD: url or f"{MOUNT_PATH}/{PAYLOAD_FILE}",
        contract.PAYLOAD_SEAL: seal_of(payload.own),
        contract.OUTCOME: flow["terminationMessagePath"],
    }
    room = MESSAGES_OF_A_POD // (len(containers) + len(spec.get("initContainers") or []))
    if room < LARGEST_MESSAGE:
        own[contract.OUTCOME_LIMIT] = str(room)
    if payload.common:
        own[contract.PAYLOAD_COMMON] = mount_common(spec, flow, payload.common)
    if process.runtime:
        mount_runtime(spec, flow, process.runtime)
        own |= process.runtime.variables(RUNTIME_PATH)
    if not url and not mounted:
        del own[contract.PAYLOAD]
    container_env(flow, process, Target.FLOW, secrets, own, settings.env)
    for container in (*sidecars, *(spec.get("initContainers") or [])):
        container_env(container, process, Target.SIDECAR, secrets)


def _complete_flow_container(
    container: dict[str, Any], settings: JobSettings, flow_run: FlowRun, process: Process
) -> None:
    *command, arguments = process.command
    container.update(command=command, args=[arguments])
    if flow_run.image:
        container["image"] = flow_run.image
    if settings.image_pull_policy:
        container["imagePullPolicy"] = settings.image_pull_policy
    if settings.resources:
        container["resources"] = merged_resources(container.get("resources"), settings.resources)
    if not container.get("terminationMessagePath"):
        container["terminationMessagePath"] = TERMINATION_MESSAGE
    # an image without flowenv leaves no record, but its last words
    container.setdefault("terminationMessagePolicy", "FallbackToLogsOnError")


def _mount_files(spec: dict[str, Any], container: dict[str, Any], secrets: SecretEntries) -> bool:
    if not secrets.files:
        return False
    items = [{"key": name, "path": name} for name in secrets.files]
    volume = {"name": VOLUME, "secret": {"secretName": secrets.name, "items": items}}
    spec["volumes"] = [*(spec.get("volumes") or []), volume]
    mount = {"name": VOLUME, "mountPath": MOUNT_PATH, "readOnly": True}
    container["volumeMounts"] = [*(container.get("volumeMounts") or []), mount]
    return True
