"""What the payloads of a batch's runs have in common: one Secret for all of them.

A ConfigMap of the same name owns it: who sweeps may list ConfigMaps, and needn't read all Secrets.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from typing import Any

from flowenv.plugin import SecretDocument
from flowenv_k8s.spec.runtime import KIND_LABEL

MOUNT_PATH = "/var/run/flowenv-batch"
"""Where the flow's container finds it."""
VOLUME = "flowenv-batch"
KIND = "batch"
FILE = "common.json"


def common_objects(content: bytes, namespace: str) -> dict[str, Any]:
    """The Secret with the common part, and the ConfigMap that owns it; they never change.

    Args:
        content: the common part.
        namespace: where the runs go.

    Returns:
        `config_map` and `secret`; the Secret's `ownerReferences` come when it is made.
    """
    name = common_name(content)
    metadata = {"name": name, "namespace": namespace, "labels": {KIND_LABEL: KIND}}
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "immutable": True}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": dict(metadata),
        "type": "Opaque",
        "immutable": True,
        "stringData": {FILE: _text(content)},
    }
    return {"config_map": config_map, "secret": secret}


def common_name(content: bytes) -> str:
    """What both objects are called: by the content, so that nobody else's takes their place."""
    return f"flowenv-batch-{_digest(content)[:32]}"


@functools.lru_cache(maxsize=8)
def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@functools.lru_cache(maxsize=8)
def _text(content: bytes) -> SecretDocument:
    """One object for all runs of a batch, which keep their specs."""
    return SecretDocument(content.decode())


def mount_common(pod: dict[str, Any], container: dict[str, Any], content: bytes) -> str:
    """Mount the Secret into the flow's container.

    Args:
        pod: the pod's spec.
        container: the flow's.
        content: the common part.

    Returns:
        The path of the file there.
    """
    volume = {"name": VOLUME, "secret": {"secretName": common_name(content)}}
    pod["volumes"] = [*(pod.get("volumes") or []), volume]
    mount = {"name": VOLUME, "mountPath": MOUNT_PATH, "readOnly": True}
    container["volumeMounts"] = [*(container.get("volumeMounts") or []), mount]
    return f"{MOUNT_PATH}/{FILE}"


def common_of(pod: Mapping[str, Any]) -> str:
    """The name of the Secret that a pod gets the common part from; empty if it has none."""
    for volume in pod.get("volumes") or []:
        if volume.get("name") == VOLUME:
            return str((volume.get("secret") or {}).get("secretName") or "")
    return ""
