"""``fieldValidation=Strict``: fields that the API doesn't have are refused, as the real one does.

What fields there are is read from the Kubernetes client's models, which are generated from the
API's own description.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rigs.kubernetes.objects import Manifest
from rigs.kubernetes.resources import JOB, POD, SECRET, ResourceType
from rigs.kubernetes.status import bad_request

_DESCRIBED = {JOB: "V1Job", POD: "V1Pod", SECRET: "V1Secret"}


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
        version = resource.api_version.rpartition("/")[2]
        raise bad_request(
            f'{resource.kind} in version "{version}" cannot be handled as a {resource.kind}: '
            f"strict decoding error: {', '.join(unknown)}"
        )


def _unknown(value: Any, type_name: str, path: str) -> Iterator[str]:
    from kubernetes.client import models

    if many := re.fullmatch(r"list\[(.+)\]", type_name, re.IGNORECASE):
        for index, one in enumerate(value if isinstance(value, list) else ()):
            yield from _unknown(one, many[1], f"{path}[{index}]")
        return
    model = getattr(models, type_name, None)
    if model is None or not isinstance(value, dict):
        return
    types = {model.attribute_map[name]: kind for name, kind in model.openapi_types.items()}
    for name, part in value.items():
        inner = f"{path}.{name}".lstrip(".")
        if name not in types:
            yield inner
        else:
            yield from _unknown(part, types[name], inner)
