"""What the API server does to an object before it is stored: defaults, and checks."""

from __future__ import annotations

import base64
import re
from typing import Any

from rigs.kubernetes.objects import Manifest, generated_name
from rigs.kubernetes.resources import JOB, POD, SECRET, ResourceType
from rigs.kubernetes.status import ApiError, bad_request, invalid

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_LABEL_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LARGEST_SECRET = 1024 * 1024

# Sentences of k8s.io/apimachinery/pkg/util/validation/validation.go.
_NOT_A_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_NOT_A_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_NOT_A_LABEL_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  "
    "or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_NOT_A_QUALIFIED_NAME = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)

Cause = tuple[str, str, str]


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
        return {**manifest, "spec": _defaulted_pod_spec(spec), "status": {"phase": "Pending"}}
    if resource == JOB:
        parallel = {"parallelism": 1, "completions": 1, "backoffLimit": 6, "suspend": False}
        policies = {"completionMode": "NonIndexed", "podReplacementPolicy": "TerminatingOrFailed"}
        return {**manifest, "spec": {**parallel, **policies, **spec}, "status": {}}
    if resource.kind == "Deployment":
        return {**manifest, "spec": {"replicas": 1, **spec}, "status": {}}
    if resource.kind == "Service":
        status: Manifest = {"loadBalancer": {}}
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
    return {
        "imagePullPolicy": "Always" if floating and "@" not in image else "IfNotPresent",
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        **container,
    }


def check(resource: ResourceType, manifest: Manifest, old: Manifest | None = None) -> None:
    """Refuse an object that isn't valid; ``old`` is what it would replace.

    Raises:
        ApiError: 422, with every cause.
    """
    metadata = manifest["metadata"]
    name = metadata.get("name") or ""
    causes = [*_name_causes(resource, name), *_label_causes(metadata)]
    if resource == SECRET:
        causes += _secret_causes(manifest)
    elif resource == POD:
        causes += _pod_causes(manifest.get("spec") or {}, "spec")
    elif resource == JOB:
        causes += _job_causes(manifest, old)
    if causes:
        raise _refusal(resource, name, causes)


def _refusal(resource: ResourceType, name: str, causes: list[Cause]) -> ApiError:
    return invalid(resource, name, *causes)


def _name_causes(resource: ResourceType, name: str) -> list[Cause]:
    field = "metadata.name"
    if not name:
        return [(field, "FieldValueRequired", "Required value: name or generateName is required")]
    label_like = resource.kind in ("Namespace", "Service")
    longest, pattern = (63, _DNS_LABEL) if label_like else (253, _SUBDOMAIN)
    if len(name) > longest:
        return [_bad_value(field, name, f"must be no more than {longest} characters")]
    if not pattern.fullmatch(name):
        return [_bad_value(field, name, _NOT_A_LABEL if label_like else _NOT_A_SUBDOMAIN)]
    return []


def _label_causes(metadata: Manifest, where: str = "metadata") -> list[Cause]:
    causes: list[Cause] = []
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    for key, value in labels.items():
        causes += _key_causes(f"{where}.labels", key)
        if not isinstance(value, str) or len(value) > 63:
            causes.append(
                _bad_value(f"{where}.labels", value, "must be no more than 63 characters")
            )
        elif not _LABEL_VALUE.fullmatch(value):
            causes.append(_bad_value(f"{where}.labels", value, _NOT_A_LABEL_VALUE))
    for key in annotations:
        causes += _key_causes(f"{where}.annotations", key)
    return causes


def _key_causes(field: str, key: str) -> list[Cause]:
    prefix, slash, name = key.rpartition("/")
    if slash and not _SUBDOMAIN.fullmatch(prefix):
        return [_bad_value(field, key, f"prefix part {_NOT_A_SUBDOMAIN}")]
    if len(name) > 63:
        return [_bad_value(field, key, "name part must be no more than 63 characters")]
    if not _LABEL_NAME.fullmatch(name):
        return [_bad_value(field, key, _NOT_A_QUALIFIED_NAME)]
    return []


def _secret_causes(manifest: Manifest) -> list[Cause]:
    size = 0
    for key, value in (manifest.get("data") or {}).items():
        try:
            size += len(base64.b64decode(value, validate=True))
        except ValueError:
            raise bad_request(
                f'Secret in version "v1" cannot be handled as a Secret: illegal base64 data in '
                f"data.{key}"
            ) from None
    if size > _LARGEST_SECRET:
        return [("data", "FieldValueTooLong", "Too long: may not be more than 1048576 bytes")]
    return []


def _pod_causes(spec: Manifest, where: str) -> list[Cause]:
    containers = spec.get("containers")
    if not containers:
        return [(f"{where}.containers", "FieldValueRequired", "Required value")]
    causes: list[Cause] = []
    names: set[str] = set()
    volumes = {volume.get("name") for volume in spec.get("volumes") or []}
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(kind) or []):
            at = f"{where}.{kind}[{index}]"
            causes += _container_causes(container, at, volumes, init=kind == "initContainers")
            name = container.get("name")
            if name in names:
                causes.append((f"{at}.name", "FieldValueDuplicate", f'Duplicate value: "{name}"'))
            names.add(name)
    return causes


def _container_causes(
    container: Manifest, where: str, volumes: set[Any], *, init: bool
) -> list[Cause]:
    causes: list[Cause] = []
    if not container.get("name"):
        causes.append((f"{where}.name", "FieldValueRequired", "Required value"))
    elif not _DNS_LABEL.fullmatch(container["name"]) or len(container["name"]) > 63:
        causes.append(_bad_value(f"{where}.name", container["name"], _NOT_A_LABEL))
    if not container.get("image") and not init:
        causes.append((f"{where}.image", "FieldValueRequired", "Required value"))
    for index, entry in enumerate(container.get("env") or []):
        causes += _env_causes(entry, f"{where}.env[{index}]")
    for index, mount in enumerate(container.get("volumeMounts") or []):
        if mount.get("name") not in volumes:
            field = f"{where}.volumeMounts[{index}].name"
            causes.append((field, "FieldValueNotFound", f'Not found: "{mount.get("name")}"'))
    return causes


def _env_causes(entry: Manifest, where: str) -> list[Cause]:
    if not entry.get("name"):
        return [(f"{where}.name", "FieldValueRequired", "Required value")]
    if entry.get("value") and entry.get("valueFrom"):
        message = 'Invalid value: "": may not be specified when `value` is not empty'
        return [(f"{where}.valueFrom", "FieldValueInvalid", message)]
    if not isinstance(entry.get("value", ""), str | None):
        raise bad_request(
            "json: cannot unmarshal "
            f"{_json_type(entry['value'])} into Go struct field EnvVar.value of type string"
        )
    return []


def _json_type(value: object) -> str:
    names = {bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
    return names.get(type(value), "value")


def _job_causes(manifest: Manifest, old: Manifest | None) -> list[Cause]:
    spec = manifest.get("spec") or {}
    template = spec.get("template") or {}
    pod_spec = template.get("spec") or {}
    causes = _pod_causes(pod_spec, "spec.template.spec")
    causes += _label_causes(template.get("metadata") or {}, "spec.template.metadata")
    name = manifest["metadata"].get("name", "")
    if len(name) > 63:
        # The name becomes the value of a label on the pods.
        where = "spec.template.labels"
        causes.append(_bad_value(where, name, "must be no more than 63 characters"))
    policy = pod_spec.get("restartPolicy")
    if policy not in ("Never", "OnFailure"):
        kind = "Required value" if not policy else f'Unsupported value: "{policy}"'
        said = "valid values" if not policy else "supported values"
        causes.append(
            (
                "spec.template.spec.restartPolicy",
                "FieldValueRequired" if not policy else "FieldValueNotSupported",
                f'{kind}: {said}: "OnFailure", "Never"',
            )
        )
    for field in ("backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"):
        if isinstance(spec.get(field), int) and spec[field] < 0:
            message = "must be greater than or equal to 0"
            causes.append(_bad_value(f"spec.{field}", spec[field], message))
    if old is not None and template != (old.get("spec") or {}).get("template"):
        message = "Invalid value: field is immutable"
        causes.append(("spec.template", "FieldValueInvalid", message))
    return causes


def _bad_value(field: str, value: object, message: str) -> Cause:
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return (field, "FieldValueInvalid", f"Invalid value: {shown}: {message}")
