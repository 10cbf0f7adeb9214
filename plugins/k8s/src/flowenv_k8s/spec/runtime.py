"""flowenv as it travels with runs: one ConfigMap a namespace and content, which all runs share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowenv.errors import SpecError
from flowenv.plugin import Process, Runtime

MOUNT_PATH = "/var/run/flowenv-runtime"
"""Where the flow's container finds the zip."""
VOLUME = "flowenv-runtime"
KIND_LABEL = "flowenv.io/kind"
KIND = "runtime"
LARGEST = 1024 * 1024
"""The bytes that a ConfigMap may hold (https://kubernetes.io/docs/concepts/configuration/configmap)."""


def runtime_config_map(runtime: Runtime, namespace: str) -> dict[str, Any]:
    """The ConfigMap that brings flowenv: its name says its content, and it never changes.

    Args:
        runtime: what travels.
        namespace: where the run goes.

    Raises:
        SpecError: if it is too large for one.
    """
    if len(runtime.content) > LARGEST:
        raise SpecError(
            f"flowenv as it would travel with the run has {len(runtime.content):,} bytes; a "
            f"ConfigMap holds {LARGEST:,}.",
            hint='Set runtime="image", and use an image that has flowenv.',
        )
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": config_map_name(runtime),
            "namespace": namespace,
            "labels": {KIND_LABEL: KIND},
        },
        "immutable": True,
        "binaryData": {runtime.name: runtime.content},
    }


def config_map_name(runtime: Runtime) -> str:
    """What the ConfigMap is called: by the content, so that nobody else's takes its place."""
    return f"flowenv-runtime-{runtime.digest[:32]}"


def mount_runtime(pod: dict[str, Any], container: dict[str, Any], runtime: Runtime) -> None:
    """Mount the ConfigMap into a pod's container.

    Args:
        pod: the pod's spec.
        container: one of its containers.
        runtime: what travels.
    """
    volume = {"name": VOLUME, "configMap": {"name": config_map_name(runtime)}}
    pod["volumes"] = [*(pod.get("volumes") or []), volume]
    mount = {"name": VOLUME, "mountPath": MOUNT_PATH, "readOnly": True}
    container["volumeMounts"] = [*(container.get("volumeMounts") or []), mount]


def start_alike(pod: dict[str, Any], container: dict[str, Any], process: Process) -> dict[str, str]:
    """Let another container of the run find what the flow's process finds, before it starts.

    That is flowenv, if it travels, and what the flow requires. A container that leaves its command
    to its image is left as it is.

    Args:
        pod: the pod's spec.
        container: one of its containers; its command is changed.
        process: what the flow's container runs.

    Returns:
        The variables that it needs.
    """
    given = container.get("command")
    if not given:
        return {}
    command = process.other_command(given)
    if list(command) == list(given):
        return {}
    container["command"] = list(command)  # its arguments stay what they are
    if process.runtime:
        mount_runtime(pod, container, process.runtime)
    return process.other_variables(MOUNT_PATH)


def runtime_of(pod: Mapping[str, Any]) -> str:
    """The name of the ConfigMap that a pod gets flowenv from; empty if from its image."""
    for volume in pod.get("volumes") or []:
        if volume.get("name") == VOLUME:
            return str((volume.get("configMap") or {}).get("name") or "")
    return ""
