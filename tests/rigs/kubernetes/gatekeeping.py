"""What a cluster's admission plugins refuse: valid objects that it doesn't want, or can't have."""

from __future__ import annotations

from rigs.kubernetes.objects import Manifest
from rigs.kubernetes.pod_security import violations
from rigs.kubernetes.resources import (
    JOB,
    NAMESPACE,
    POD,
    PRIORITY_CLASS,
    SERVICE_ACCOUNT,
    ResourceType,
)
from rigs.kubernetes.status import ApiError
from rigs.kubernetes.store import Key, Store


def refuse_unwanted(
    store: Store, resource: ResourceType, namespace: str, manifest: Manifest
) -> None:
    """Refuse a new object; sentences as measured on 1.36.

    Raises:
        ApiError: 403.
    """
    name = manifest["metadata"]["name"]
    found = store.find(Key(NAMESPACE, "", namespace)) if namespace else None
    if found is not None and "deletionTimestamp" in found["metadata"]:
        cause = {"reason": "NamespaceTerminating", "field": "metadata.namespace"}
        cause["message"] = f"namespace {namespace} is being terminated"
        words = f"unable to create new content in namespace {namespace}"
        raise _forbidden(resource, name, f"{words} because it is being terminated", [cause])
    if resource != POD:
        return
    spec = manifest["spec"]
    # these two are asked before a name is generated
    early = manifest["metadata"].get("generateName") or name
    priority = spec.get("priorityClassName")
    if priority and store.find(Key(PRIORITY_CLASS, "", priority)) is None:
        raise _forbidden(POD, early, f"no PriorityClass with name {priority} was found")
    account = spec["serviceAccountName"]
    if store.find(Key(SERVICE_ACCOUNT, namespace, account)) is None:
        words = f"error looking up service account {namespace}/{account}"
        raise _forbidden(POD, early, f'{words}: serviceaccount "{account}" not found')
    if wrong := violations(found, spec):
        raise _forbidden(POD, name, f"violates {wrong}")


def warning_of(store: Store, resource: ResourceType, manifest: Manifest) -> str | None:
    """Return what the API server warns of when it takes a Job, or None."""
    if resource != JOB:
        return None
    namespace = store.find(Key(NAMESPACE, "", manifest["metadata"]["namespace"]))
    wrong = violations(namespace, manifest["spec"]["template"]["spec"])
    return f"would violate {wrong}" if wrong else None


def _forbidden(
    resource: ResourceType, name: str, why: str, causes: list[Manifest] | None = None
) -> ApiError:
    details: Manifest = {"name": name, "kind": resource.plural}
    if causes:
        details["causes"] = causes
    message = f'{resource.qualified_name} "{name}" is forbidden: {why}'
    return ApiError(403, "Forbidden", message, details)
