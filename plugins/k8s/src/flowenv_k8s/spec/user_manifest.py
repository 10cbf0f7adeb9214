"""What of a manifest counts that a user gives, as files have it and as `kubectl get` prints it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from flowenv_k8s.spec.common_part import VOLUME as COMMON_VOLUME
from flowenv_k8s.spec.labels import PREFIX, RUN_ID
from flowenv_k8s.spec.manifests.manifest import Manifest, dotted
from flowenv_k8s.spec.manifests.yaml_text import Path_
from flowenv_k8s.spec.runtime import VOLUME as RUNTIME_VOLUME

VOLUME = "flowenv-payload"
"""The volume with a run's files, in the Job that is made of a manifest."""

_TEXTS = frozenset({"labels", "annotations", "nodeSelector", "matchLabels"})
"""Mappings of texts, in which null is an empty text; elsewhere it is as if it weren't there."""

_OF_SERVER = frozenset(
    """
    uid resourceVersion generation creationTimestamp deletionTimestamp deletionGracePeriodSeconds
    managedFields selfLink
    """.split()  # noqa: SIM905 (a list of them would be long)
)
_DEADLINE = "activeDeadlineSeconds"
_LABELS = ("controller-uid", "job-name", "pod-template-hash", "batch.kubernetes.io/", "dask.org/")
"""Labels that controllers give, or how they begin."""
_ANNOTATIONS = ("kubectl.kubernetes.io/last-applied-configuration", "batch.kubernetes.io/")
_SHOWN = 5
"""How many of the fields that are left out one line names."""
_TOKEN_VOLUME = "kube-api-access-"


def as_given(manifest: Manifest, kind: str) -> Manifest:
    """A user's manifest as it counts: a copy, without nulls, old names, and what a server has set.

    Args:
        manifest: as it was read.
        kind: `Job` or `Pod`.
    """
    data = _without_nulls(copy.deepcopy(manifest.data))
    pod_at: Path_ = ("spec", "template", "spec") if kind == "Job" else ("spec",)
    pod = _at(data, pod_at)
    if pod and (account := pod.pop("serviceAccount", None)) is not None:
        pod.setdefault("serviceAccountName", account)
    for container in _mappings(pod.get("containers") if pod else None)[:1]:
        if container.get("image") == "":  # as in Prefect's examples: the run's is meant
            del container["image"]
    if left_out := list(_leave_out(data, kind, pod_at)):
        import logging  # seldom needed, and `flowenv spec` is to be quick

        log, names = logging.getLogger("flowenv.k8s"), list(dict.fromkeys(left_out))
        log.debug("%s: left out what a server had set: %s", manifest.source, ", ".join(names))
        shown = ", ".join(sorted(names, key=len)[:_SHOWN])
        if len(names) > _SHOWN:
            shown += f" and {len(names) - _SHOWN} more"
        log.warning("%s: left out what a server had set: %s", manifest.source, shown)
    return dataclasses.replace(manifest, data=data, kind=kind)


def _without_nulls(value: Any, name: object = None) -> Any:
    if isinstance(value, dict):
        if name in _TEXTS:
            return {key: "" if one is None else one for key, one in value.items()}
        return {k: _without_nulls(one, k) for k, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_nulls(one) for one in value]
    return value


def _leave_out(data: dict[str, Any], kind: str, pod_at: Path_) -> Iterator[str]:
    """Remove what can only come from a server or an earlier run, and name it."""
    is_exported = "uid" in _at(data, ("metadata",))
    yield from _drop(data, (), lambda name: name == "status")
    if RUN_ID in _at(data, ("metadata", "labels")) and _at(data, ("spec",)).get(_DEADLINE) == 1:
        # how flowenv ends a Job whose sidecars go on
        yield from _drop(data, ("spec",), lambda name: name == _DEADLINE)
    for at in ((), ("spec", "template")) if kind == "Job" else ((),):
        meta = (*at, "metadata")
        yield from _drop(data, meta, _OF_SERVER.__contains__)
        yield from _drop(data, (*meta, "labels"), _begins(*_LABELS, PREFIX))
        yield from _drop(data, (*meta, "annotations"), _begins(*_ANNOTATIONS, PREFIX))
    if is_exported:
        yield from _drop(data, ("metadata",), {"ownerReferences", "finalizers"}.__contains__)
    selected = _at(data, ("spec", "selector", "matchLabels"))
    if any(_begins(*_LABELS)(name) for name in selected):
        yield from _drop(data, ("spec",), lambda name: name == "selector")
    if kind == "Pod" and is_exported:
        yield from _drop(data, pod_at, lambda name: name == "nodeName")
    yield from _without_mounts(data, pod_at)


def _without_mounts(data: dict[str, Any], pod_at: Path_) -> Iterator[str]:
    """Remove volumes that Kubernetes or an earlier run added, and what refers to them."""
    pod = _at(data, pod_at)
    volumes = [one for one in _mappings(pod.get("volumes")) if _is_added(one)]
    if not volumes:
        return
    names = {one.get("name") for one in volumes}
    secrets = {(one.get("secret") or {}).get("secretName") for one in volumes} - {None}
    pod["volumes"] = [one for one in pod["volumes"] if one not in volumes]
    for one in volumes:
        yield f"{dotted(pod_at)}.volumes ({one['name']})"
    for container in (
        *_mappings(pod.get("containers")),
        *_mappings(pod.get("initContainers")),
    ):
        mounts = _mappings(container.get("volumeMounts"))
        if mounts:
            container["volumeMounts"] = [one for one in mounts if one.get("name") not in names]
        if entries := _mappings(container.get("env")):
            container["env"] = [one for one in entries if not _is_of_run(one, secrets)]


def _is_added(volume: dict[str, Any]) -> bool:
    name = str(volume.get("name"))
    return name in (VOLUME, RUNTIME_VOLUME, COMMON_VOLUME) or (
        name.startswith(_TOKEN_VOLUME) and "projected" in volume
    )


def _is_of_run(entry: dict[str, Any], secrets: set[Any]) -> bool:
    reference = entry.get("valueFrom")
    key = reference.get("secretKeyRef") if isinstance(reference, dict) else None
    return str(entry.get("name")).startswith("FLOWENV_") or (
        isinstance(key, dict) and key.get("name") in secrets
    )


def _drop(data: dict[str, Any], at: Path_, is_wrong: Callable[[str], bool]) -> Iterator[str]:
    there = _at(data, at)
    for name in [name for name in there if isinstance(name, str) and is_wrong(name)]:
        del there[name]
        yield dotted((*at, name))


def _begins(*starts: str) -> Callable[[str], bool]:
    return lambda name: name.startswith(starts)


def _at(data: Any, at: Path_) -> dict[str, Any]:
    """The mapping at a place; an empty one if there is none, which the checks will say."""
    for key in at:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _mappings(value: Any) -> list[dict[str, Any]]:
    is_right = isinstance(value, list) and all(isinstance(one, dict) for one in value)
    return value if is_right else []
