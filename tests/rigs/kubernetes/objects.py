"""Plain facts about Kubernetes objects: names, times, owners."""

from __future__ import annotations

import datetime
import random
from collections.abc import Mapping
from typing import Any

from rigs.kubernetes.resources import ResourceType

Manifest = dict[str, Any]
"""A Kubernetes object as plain data. One in the store is never changed in place."""

# The alphabet and lengths of generated names: k8s.io/apiserver/pkg/storage/names/generate.go and
# k8s.io/apimachinery/pkg/util/rand (no vowels, so that no words appear).
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_LONGEST_GENERATED_BASE = 58


def random_suffix(length: int = 5) -> str:
    """Return random characters as the API server uses them in names."""
    return "".join(random.SystemRandom().choices(_ALPHABET, k=length))


def generated_name(base: str) -> str:
    """Return a name for ``generateName``: the base, cut to 58 characters, and a suffix of 5."""
    return base[:_LONGEST_GENERATED_BASE] + random_suffix()


def timestamp(moment: datetime.datetime | None = None) -> str:
    """Return a moment (now, by default) to the second, as in ``creationTimestamp``."""
    moment = moment or datetime.datetime.now(datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp() -> str:
    """Return the present moment to the microsecond, as in ``eventTime``."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def owner_reference(owner: Manifest) -> Manifest:
    """Return the reference that a controller puts on an object that it makes for its owner."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def owner_uids(manifest: Mapping[str, Any]) -> list[str]:
    """Return the UIDs of an object's owners."""
    return [owner["uid"] for owner in manifest["metadata"].get("ownerReferences") or []]


def controller_uid(manifest: Mapping[str, Any]) -> str:
    """Return the UID of the owner that controls an object; empty if none does."""
    owners = manifest["metadata"].get("ownerReferences") or []
    return next((owner["uid"] for owner in owners if owner.get("controller")), "")


def condition(
    kind: str, status: bool | str, reason: str | None = None, message: str | None = None
) -> Manifest:
    """Return a condition of an object's status."""
    made: Manifest = {
        "type": kind,
        "status": status if isinstance(status, str) else str(status),
        "lastTransitionTime": timestamp(),
    }
    if reason:
        made["reason"] = reason
    if message:
        made["message"] = message
    return made


def with_condition(conditions: list[Manifest] | None, new: Manifest) -> list[Manifest]:
    """Return the conditions with one added or replaced; its time only moves with its status."""
    kept = [item for item in conditions or [] if item["type"] != new["type"]]
    old = next((item for item in conditions or [] if item["type"] == new["type"]), None)
    if old is not None and old["status"] == new["status"]:
        new = {**new, "lastTransitionTime": old["lastTransitionTime"]}
    return [*kept, new]


def is_true(manifest: Mapping[str, Any], kind: str) -> bool:
    """Whether an object's condition of this type is True."""
    conditions = (manifest.get("status") or {}).get("conditions") or []
    return any(item["type"] == kind and item["status"] == "True" for item in conditions)


def object_reference(resource: ResourceType, manifest: Manifest) -> Manifest:
    """Return the reference by which an Event names the object that it is about."""
    metadata = manifest["metadata"]
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": metadata["name"],
        "namespace": metadata.get("namespace", ""),
        "uid": metadata["uid"],
        "resourceVersion": metadata.get("resourceVersion", ""),
    }


def has_ended(manifest: Mapping[str, Any]) -> bool:
    """Whether a Job or a pod has come to its end, good or bad."""
    is_over = is_true(manifest, "Complete") or is_true(manifest, "Failed")
    return is_over or (manifest.get("status") or {}).get("phase") in ("Succeeded", "Failed")
