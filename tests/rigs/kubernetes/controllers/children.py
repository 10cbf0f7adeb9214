"""Pods that controllers make for their owners."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from rigs.kubernetes.cluster import Cluster
from rigs.kubernetes.objects import Manifest, generated_name, owner_reference
from rigs.kubernetes.resources import POD
from rigs.kubernetes.status import ApiError
from rigs.kubernetes.store import Key


def create_pod(
    cluster: Cluster, owner: Key, base_name: str, template: Manifest, labels: Mapping[str, str]
) -> Manifest | None:
    """Create a pod for an owner, and say so in an Event.

    Returns:
        the pod, or None if it could not be created; the Event says why.
    """
    found = cluster.store.get(owner)
    metadata = copy.deepcopy(template.get("metadata") or {})
    metadata.pop("name", None)
    metadata["generateName"] = base_name
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    metadata["ownerReferences"] = [owner_reference(found)]
    manifest = {"metadata": metadata, "spec": copy.deepcopy(template["spec"])}
    component = f"{owner.resource.kind.lower()}-controller"
    try:
        _check_quota(cluster, Key(POD, owner.namespace, base_name), manifest, found)
        pod = cluster.create(POD, owner.namespace, manifest)
    except ApiError as refusal:
        words = f"Error creating: {refusal.message}"
        cluster.events.warning(owner, "FailedCreate", words, component)
        return None
    words = f"Created pod: {pod['metadata']['name']}"
    cluster.events.normal(owner, "SuccessfulCreate", words, component)
    return pod


def _check_quota(cluster: Cluster, key: Key, manifest: Manifest, owner: Manifest) -> None:
    """Refuse a pod as a quota on pods does, for as long as that fault is there."""
    # the pod has no UID yet; its owner goes on trying
    struck = {**manifest, "metadata": {**manifest["metadata"], "uid": owner["metadata"]["uid"]}}
    if cluster.faults.of_pod(["quota"], key, struck):
        name = generated_name(key.name)
        counts = "requested: pods=1, used: pods=4, limited: pods=4"
        raise ApiError(
            403, "Forbidden", f'pods "{name}" is forbidden: exceeded quota: compute, {counts}'
        )


def pods_of(cluster: Cluster, uid: str) -> list[Manifest]:
    """Return the pods that an object owns."""
    keys = [key for key in cluster.store.dependents(uid) if key.resource == POD]
    return [cluster.store.get(key) for key in keys]


def key_of_pod(pod: Manifest) -> Key:
    """Return the key of a pod."""
    return Key(POD, pod["metadata"]["namespace"], pod["metadata"]["name"])
