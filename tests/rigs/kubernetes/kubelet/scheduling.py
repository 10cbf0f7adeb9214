"""Whether the cluster's one node can hold a pod."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from rigs.kubernetes.objects import Manifest

_SUFFIXES = {
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "Pi": 2**50,
}


def quantity(text: Any) -> float:
    """Return the number that a resource quantity stands for.

    >>> quantity("500m"), quantity("2Gi"), quantity(3)
    (0.5, 2147483648.0, 3.0)
    """
    shown = str(text)
    for suffix in sorted(_SUFFIXES, key=len, reverse=True):
        if shown.endswith(suffix):
            return float(shown.removesuffix(suffix)) * _SUFFIXES[suffix]
    return float(shown)


def why_unschedulable(node: Manifest, pod: Manifest, claims: Collection[str]) -> str | None:
    """Return the scheduler's message if the node can't hold a pod, else None.

    Args:
        node: the node.
        pod: the pod.
        claims: the names of the claims to volumes that there are.

    Other pods' requests don't count: the node has room for any number of pods that fit alone.
    """
    spec = pod["spec"]
    for volume in spec.get("volumes") or []:
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if claim and claim not in claims:
            # as measured on 1.36
            return f'0/1 nodes are available: persistentvolumeclaim "{claim}" not found. not found'
    if not _selects_node(spec, node["metadata"].get("labels") or {}):
        return unschedulable(
            "node(s) didn't match Pod's node affinity/selector",
            preemption="Preemption is not helpful for scheduling",
        )
    allocatable = node["status"].get("allocatable") or {}
    lacking = [
        f"Insufficient {name}"
        for name, amount in _requests(spec).items()
        if amount > quantity(allocatable.get(name, 0))
    ]
    if lacking:
        return unschedulable(
            ", 1 ".join(lacking), preemption="No preemption victims found for incoming pod"
        )
    return None


def unschedulable(why: str, preemption: str) -> str:
    """Return the message of a cluster whose one node can't hold a pod."""
    return f"0/1 nodes are available: 1 {why}. preemption: 0/1 nodes are available: 1 {preemption}."


def _selects_node(spec: Manifest, labels: dict[str, str]) -> bool:
    wanted = spec.get("nodeSelector") or {}
    return all(labels.get(key) == value for key, value in wanted.items())


def _requests(spec: Manifest) -> dict[str, float]:
    total: dict[str, float] = {}
    for container in spec["containers"]:
        resources = container.get("resources") or {}
        limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
        for name, amount in {**limits, **requests}.items():
            total[name] = total.get(name, 0) + quantity(amount)
    return total
