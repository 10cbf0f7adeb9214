"""Pods that controllers make for their owners."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from rigs.kubernetes.cluster import Cluster
from rigs.kubernetes.objects import (
    Manifest,
    controller_uid,
    is_true,
    owner_reference,
)
from rigs.kubernetes.resources import POD, ResourceType
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
        # the pod has no UID yet; its owner goes on trying
        cluster.check_quota(
            Key(POD, owner.namespace, base_name), manifest, found["metadata"]["uid"]
        )
        pod = cluster.create(POD, owner.namespace, manifest)
    except ApiError as refusal:
        words = f"Error creating: {refusal.message}"
        cluster.events.warning(owner, "FailedCreate", words, component)
        return None
    words = f"Created pod: {pod['metadata']['name']}"
    cluster.events.normal(owner, "SuccessfulCreate", words, component)
    return pod


def adopt(cluster: Cluster, key: Key, label: str, resource: ResourceType) -> None:
    """Make a pod without a controller the pod of the owner that its label names by UID.

    Controllers adopt what their selector selects (pkg/controller/controller_ref_manager.go): who
    copies a Job's labels to a pod gives it to the Job, which then has a pod too many.
    """
    pod = cluster.store.find(key)
    if pod is None or any(owner.get("controller") for owner in _owners(pod)):
        return
    owner = cluster.store.key_of_uid((pod["metadata"].get("labels") or {}).get(label, ""))
    if owner is None or owner.resource != resource or owner.namespace != key.namespace:
        return
    found = cluster.store.get(owner)
    if "deletionTimestamp" not in found["metadata"]:
        owners = [*_owners(pod), owner_reference(found)]
        cluster.store.set_metadata(key, ownerReferences=owners)


def surplus(pods: list[Manifest], number: int) -> list[Manifest]:
    """Return the pods that go first when there are too many: not ready ones, then young ones."""
    youngest_first = pods[::-1]
    return sorted(youngest_first, key=lambda pod: is_true(pod, "Ready"))[:number]


def _owners(pod: Manifest) -> list[Manifest]:
    return pod["metadata"].get("ownerReferences") or []


def pods_of(cluster: Cluster, uid: str) -> list[Manifest]:
    """Return the pods that an object controls; others that it owns only go with it."""
    keys = [key for key in cluster.store.dependents(uid) if key.resource == POD]
    owned = [cluster.store.get(key) for key in keys]
    return [pod for pod in owned if controller_uid(pod) == uid]


def key_of_pod(pod: Manifest) -> Key:
    """Return the key of a pod."""
    return Key(POD, pod["metadata"]["namespace"], pod["metadata"]["name"])
