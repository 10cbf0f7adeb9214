"""Objects are decoded as the real API does: a value of a wrong kind is refused, and with
``fieldValidation=Strict`` each field that the API doesn't have.

What fields there are is read from the Kubernetes client's models, which are generated from the
API's own description.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from rigs.kubernetes.objects import Manifest
from rigs.kubernetes.resources import JOB, POD, SECRET, ResourceType
from rigs.kubernetes.status import bad_request

_DESCRIBED = {JOB: "Job", POD: "Pod", SECRET: "Secret"}
_GO = {"text": "string", "number": "int64", "flag": "bool"}


@cache
def _types() -> Mapping[str, Mapping[str, str]]:
    from kubernetes.client import models

    from rigs.kubernetes.client_fields import fields_of_client

    return fields_of_client((models.V1Job, models.V1Pod, models.V1Secret))


def refuse_wrong_kinds(resource: ResourceType, manifest: Manifest) -> None:
    """Refuse an object with a value that its field can't have.

    Raises:
        ApiError: 400, with the first one, in the words of Go's JSON decoder.
    """
    if resource not in _DESCRIBED or not isinstance(manifest, dict):
        return
    if wrong := next(_wrong(manifest, _DESCRIBED[resource], "", ""), None):
        raise bad_request(f"{_cannot(resource)}: json: cannot unmarshal {wrong}")


def refuse_unknown_fields(resource: ResourceType, manifest: Manifest) -> None:
    """Refuse an object with a field that its type doesn't have.

    Raises:
        ApiError: 400, with every such field.
    """
    if resource not in _DESCRIBED or not isinstance(manifest, dict):
        return
    unknown = [f'unknown field "{field}"' for field in _unknown(manifest, _DESCRIBED[resource], "")]
    if unknown:
        # k8s.io/apimachinery/pkg/runtime (strictDecodingError) words it so
        raise bad_request(f"{_cannot(resource)}: strict decoding error: {', '.join(unknown)}")


def _cannot(resource: ResourceType) -> str:
    version = resource.api_version.rpartition("/")[2]
    return f'{resource.kind} in version "{version}" cannot be handled as a {resource.kind}'


def _unknown(value: Any, kind: str, path: str) -> Iterator[str]:
    if kind.startswith("["):
        for index, one in enumerate(value or ()):
            yield from _unknown(one, kind[1:-1], f"{path}[{index}]")
    elif kind in _types() and value is not None:
        for name, part in value.items():
            inner = f"{path}.{name}".lstrip(".")
            if of := _types()[kind].get(name):
                yield from _unknown(part, of, inner)
            else:
                yield inner


def _wrong(value: Any, kind: str, struct: str, path: str) -> Iterator[str]:
    """What a decoder says of the values that don't fit; it leaves out indices and keys."""
    at = f"into Go struct field {struct}.{path} of type"
    if value is None:
        return
    if kind.startswith(("[", "{")):
        wanted, inner = (list, "[]") if kind.startswith("[") else (dict, "map[string]")
        if not isinstance(value, wanted):
            yield f"{_said(value)} {at} {inner}{_go(kind[1:-1])}"
            return
        for one in value if isinstance(value, list) else value.values():
            yield from _wrong(one, kind[1:-1], struct, path)
    elif kind in _types():
        if not isinstance(value, dict):
            yield f"{_said(value)} {at} {_go(kind)}"
            return
        for name, part in value.items():
            if of := _types()[kind].get(name):
                yield from _wrong(part, of, kind, f"{path}.{name}".lstrip("."))
    elif kind in _GO and _said(value).split()[0] != {"text": "string", "flag": "bool"}.get(
        kind, "number"
    ):
        yield f"{_said(value)} {at} {_go(kind)}"
    elif kind == "number" and isinstance(value, float):
        yield f"number {value} {at} int64"


def _go(kind: str) -> str:
    return _GO.get(kind, f"v1.{kind}")


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    names: dict[type, str] = {str: "string", int: "number", float: "number", list: "array"}
    return names.get(type(value), "object")
