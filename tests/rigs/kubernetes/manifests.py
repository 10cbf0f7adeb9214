"""Short manifests for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rigs.kubernetes.objects import Manifest


def container(
    command: Sequence[str] = ("true",),
    *,
    name: str = "main",
    image: str = "python:3",
    env: Mapping[str, str] | None = None,
    **fields: Any,
) -> Manifest:
    """Return a container; further fields go in as they are."""
    made: Manifest = {"name": name, "image": image, "command": list(command), **fields}
    if env:
        made["env"] = [{"name": key, "value": value} for key, value in env.items()]
    return made


def python(code: str, **fields: Any) -> Manifest:
    """Return a container that runs Python code, unbuffered."""
    return container(["python", "-u", "-c", code], **fields)


def pod(
    *containers: Manifest,
    name: str = "pod",
    labels: Mapping[str, str] | None = None,
    restart_policy: str = "Never",
    **spec: Any,
) -> Manifest:
    """Return a pod; further fields go into its spec."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": dict(labels or {})},
        "spec": {
            "restartPolicy": restart_policy,
            "containers": list(containers) or [container()],
            **spec,
        },
    }


def job(
    *containers: Manifest,
    name: str = "job",
    labels: Mapping[str, str] | None = None,
    pod_spec: Mapping[str, Any] | None = None,
    restart_policy: str = "Never",
    **spec: Any,
) -> Manifest:
    """Return a Job whose one pod isn't tried again; further fields go into its spec."""
    template = {
        "metadata": {"labels": dict(labels or {})},
        "spec": {
            "restartPolicy": restart_policy,
            "containers": list(containers) or [container()],
            **(pod_spec or {}),
        },
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": dict(labels or {})},
        "spec": {"backoffLimit": 0, **spec, "template": template},
    }


def secret(name: str = "secret", **values: str) -> Manifest:
    """Return a Secret with these values."""
    metadata = {"name": name}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}


def config_map(name: str = "config", **values: str) -> Manifest:
    """Return a ConfigMap with these values."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": values}
