"""What the API server does to a new object before it is stored: name, defaults, checks."""

from __future__ import annotations

import base64
from typing import Any

from rigs.kubernetes.objects import Manifest, condition, generated_name
from rigs.kubernetes.resources import JOB, POD, SECRET, ResourceType
from rigs.kubernetes.status import bad_request
from rigs.kubernetes.validation import check


def prepared(resource: ResourceType, namespace: str, given: Any) -> Manifest:
    """Return a new object as it may be stored: named, defaulted and valid.

    Raises:
        ApiError: 400 for what isn't such an object, 422 for one that isn't valid.
    """
    if not isinstance(given, dict):
        raise bad_request("the object provided is unrecognized (must be of type Object)")
    _check_type(resource, given)
    given = without_nulls(given)
    metadata = dict(given.get("metadata") or {})
    if resource.namespaced and metadata.get("namespace") not in (None, "", namespace):
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = generated_name(metadata["generateName"])
    for field in ("deletionTimestamp", "resourceVersion", "uid", "creationTimestamp", "selfLink"):
        metadata.pop(field, None)
    made = {**given, "metadata": metadata}
    if resource.has_status:
        made.pop("status", None)
    made = defaulted(resource, made)
    check(resource, made)
    return made


def _check_type(resource: ResourceType, given: Manifest) -> None:
    kind, version = given.get("kind"), given.get("apiVersion")
    if kind not in (None, "", resource.kind):
        raise bad_request(
            f"{kind} in version {version!r} cannot be handled as a {resource.kind}: "
            f"no kind {kind!r} is registered for that version"
        )
    if version not in (None, "", resource.api_version):
        raise bad_request(
            f"the API version in the data ({version}) does not match the expected API version "
            f"({resource.api_version})"
        )


def without_nulls(value: Any) -> Any:
    """Return plain data without entries that are null, as the server reads objects.

    Types that are built in have no nulls, and custom ones lose them where their schema doesn't
    allow them.

    >>> without_nulls({"a": None, "b": [{"c": None}]})
    {'b': [{}]}
    """
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def defaulted(resource: ResourceType, manifest: Manifest) -> Manifest:
    """Return an object with the defaults of its type filled in."""
    if resource == SECRET:
        return _defaulted_secret(manifest)
    spec = manifest.get("spec") or {}
    if resource == POD:
        status: Manifest = {"phase": "Pending"}
        if spec.get("schedulingGates"):
            words = "Scheduling is blocked due to non-empty scheduling gates"
            status["conditions"] = [condition("PodScheduled", False, "SchedulingGated", words)]
        return {**manifest, "spec": _defaulted_pod_spec(spec), "status": status}
    if resource == JOB:
        parallel = {"parallelism": 1, "completions": 1, "backoffLimit": 6, "suspend": False}
        policies = {"completionMode": "NonIndexed", "podReplacementPolicy": "TerminatingOrFailed"}
        return {**manifest, "spec": {**parallel, **policies, **spec}, "status": {}}
    if resource.kind == "Deployment":
        return {**manifest, "spec": {"replicas": 1, **spec}, "status": {}}
    if resource.kind == "Service":
        status = {"loadBalancer": {}}
        return {**manifest, "spec": {"type": "ClusterIP", **spec}, "status": status}
    if resource.kind == "Namespace":
        return {**manifest, "status": {"phase": "Active"}}
    return manifest


def _defaulted_secret(manifest: Manifest) -> Manifest:
    plain = manifest.get("stringData") or {}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
    made = {key: value for key, value in manifest.items() if key != "stringData"}
    made["data"] = {**(manifest.get("data") or {}), **encoded}
    made.setdefault("type", "Opaque")
    return made


def _defaulted_pod_spec(spec: Manifest) -> Manifest:
    defaults = {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "default",
        "schedulerName": "default-scheduler",
    }
    made = {**defaults, **spec}
    for kind in ("initContainers", "containers"):
        if isinstance(spec.get(kind), list):
            made[kind] = [_defaulted_container(item) for item in spec[kind]]
    return made


def _defaulted_container(container: Manifest) -> Manifest:
    image = str(container.get("image", ""))
    floating = ":" not in image.rpartition("/")[2] or image.endswith(":latest")
    defaults = {
        "imagePullPolicy": "Always" if floating and "@" not in image else "IfNotPresent",
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }
    return {**container, **{name: container.get(name) or defaults[name] for name in defaults}}
