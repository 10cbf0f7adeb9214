"""What the API server refuses as not valid, with the fields and sentences of the real one."""

from __future__ import annotations

import base64
import re
from typing import Any

from rigs.kubernetes.objects import Manifest
from rigs.kubernetes.resources import JOB, POD, SECRET, ResourceType
from rigs.kubernetes.status import bad_request, invalid

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
"""Field, reason and message of one thing that isn't valid."""


def check(resource: ResourceType, manifest: Manifest, old: Manifest | None = None) -> None:
    """Refuse an object that isn't valid; ``old`` is what it would replace.

    Raises:
        ApiError: 422, with every cause.
    """
    metadata = manifest["metadata"]
    name = metadata.get("name") or ""
    causes = [*_name_causes(resource, name), *_label_causes(metadata)]
    causes += _immutable_causes(manifest, old)
    if resource == SECRET:
        causes += _secret_causes(manifest)
    elif resource == POD:
        causes += _pod_causes(manifest.get("spec") or {}, "spec")
    elif resource == JOB:
        causes += _job_causes(manifest, old)
    if causes:
        raise invalid(resource, name, *causes)


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


def _immutable_causes(manifest: Manifest, old: Manifest | None) -> list[Cause]:
    """What of a Secret or ConfigMap can't be changed once it is immutable, and that neither."""
    if old is None or old.get("immutable") is not True:
        return []
    message = "Forbidden: field is immutable when `immutable` is set"
    return [
        (field, "FieldValueForbidden", message)
        for field in ("immutable", "data", "binaryData")
        if manifest.get(field) != old.get(field)
    ]


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
    before = (old or {}).get("spec") or {}
    # a queue may change where a Job's pods go before they are made; what else isn't looked at
    if old is not None and not before.get("suspend") and template != before.get("template"):
        message = "Invalid value: field is immutable"
        causes.append(("spec.template", "FieldValueInvalid", message))
    return causes


def _bad_value(field: str, value: object, message: str) -> Cause:
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return (field, "FieldValueInvalid", f"Invalid value: {shown}: {message}")
