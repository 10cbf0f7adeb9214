"""What specs of many backends have in common, found by its shape and not by the backend's name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_CONTAINERS = ("initContainers", "containers", "containerDefinitions")
"""Kubernetes' words for a pod's containers, and ECS' word for a task's."""


def pods(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each pod of a spec, as Kubernetes has it: of the flow's Job, Dask's scheduler and workers.

    They are the spec's own, so what is changed in one is changed in the spec. Empty on backends
    that have no pods.

    Args:
        spec: what `flowenv_modify_spec` gets.

    >>> spec = {"job": {"spec": {"template": {"spec": {"containers": [{"name": "flow"}]}}}}}
    >>> for pod in pods(spec):
    ...     pod.setdefault("tolerations", []).append({"key": "pool", "operator": "Exists"})
    >>> spec["job"]["spec"]["template"]["spec"]["tolerations"]
    [{'key': 'pool', 'operator': 'Exists'}]
    """
    for one in _mappings(spec):
        if _listed(one, "containers"):
            yield one


def containers(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each container of a spec: of its pods, their init containers too, or of its ECS task.

    They are the spec's own. Empty on backends that run no containers.

    Args:
        spec: what `flowenv_modify_spec` gets.

    >>> task = {"containerDefinitions": [{"name": "flow", "image": "report:1"}]}
    >>> [one["image"] for one in containers({"task_definition": task})]
    ['report:1']
    """
    for one in _mappings(spec):
        for key in _CONTAINERS:
            yield from _listed(one, key)


def _mappings(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for one in list(value.values()):
            yield from _mappings(one)
    elif isinstance(value, list):
        for one in list(value):
            yield from _mappings(one)


def _listed(value: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = value.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
