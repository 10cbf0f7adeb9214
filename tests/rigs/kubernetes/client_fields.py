"""The fields of the Kubernetes client's models, for `flowenv_k8s.spec.manifests.field_table`.

`python -m rigs.kubernetes.client_fields`, in `tests/`, writes that module anew from the client that
is installed.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes
from kubernetes.client import models

TABLE = Path(__file__).parents[3] / "plugins/k8s/src/flowenv_k8s/spec/manifests/field_table.py"

ROOTS = (models.V1Job, models.V1Pod)
_LEFT_OUT = ("V1JobStatus", "V1PodStatus", "V1ManagedFieldsEntry")
"""What only a server writes."""
_KINDS = {"str": "text", "int": "number", "bool": "flag", "object": "any", "bytes": "text"}
_QUANTITIES = {
    *("ResourceRequirements.limits", "ResourceRequirements.requests", "PodSpec.overhead"),
    *("VolumeResourceRequirements.limits", "VolumeResourceRequirements.requests"),
    *("EmptyDirVolumeSource.sizeLimit", "ResourceFieldSelector.divisor"),
}
"""Texts for the client, which Kubernetes takes as numbers, too."""
_PORTS = {"HTTPGetAction.port", "TCPSocketAction.port"}
"""Anything for the client: a number or a name for Kubernetes."""


def name_of(model: Any) -> str:
    """A type's name, without its version: `V1PodSpec` is PodSpec."""
    return re.sub(r"^(Core)?V\d+((alpha|beta)\d+)?", "", model.__name__)


def fields_of_client(roots: tuple[Any, ...] = ROOTS) -> dict[str, dict[str, str]]:
    """The fields of models and all below them: by the type's name, then the field's."""
    found: dict[str, dict[str, str]] = {}
    todo = list(roots)
    while todo:
        model = todo.pop(0)
        name = name_of(model)
        if name in found:
            continue
        found[name] = {}
        for attribute, field in model.attribute_map.items():
            kind = re.sub("datetime|bytearray", "str", model.openapi_types[attribute])
            found[name][field] = _kind(f"{name}.{field}", kind)
            todo += _models(kind)
    return found


def _models(kind: str) -> Iterator[Any]:
    for word in re.findall(r"\w+", kind):
        model = getattr(models, word, None)
        if hasattr(model, "openapi_types") and word not in _LEFT_OUT:
            yield model


def _kind(field: str, kind: str) -> str:
    if many := re.fullmatch(r"list\[(.+)\]", kind, re.IGNORECASE):
        return f"[{_kind(field, many[1])}]"
    if mapping := re.fullmatch(r"dict[\[(]str, (.+)[\])]", kind, re.IGNORECASE):
        return f"{{{_kind(field, mapping[1])}}}"
    if field in _QUANTITIES:
        return "quantity"
    if field in _PORTS:
        return "port"
    if kind in _LEFT_OUT:
        return "any"
    return _KINDS.get(kind) or name_of(getattr(models, kind))


def written(fields: dict[str, dict[str, str]]) -> str:
    """The module with the table."""
    lines = []
    for name in sorted(fields):
        words = " ".join(f"{field}:{kind}" for field, kind in fields[name].items())
        lines += [name, *textwrap.wrap(words, 96, initial_indent="  ", subsequent_indent="  ")]
    body = "\n".join(lines)
    version = kubernetes.__version__.split(".")[0]
    return (
        '"""The fields of Jobs, Pods and what is in them: written by tests/rigs/kubernetes/'
        "client_fields.py.\n\n"
        "A type, then its fields with their kinds: [kind] is a list, {kind} a mapping of texts to "
        'it.\n"""\n\n'
        f'KUBERNETES = "1.{version}"\n"""Whose fields these are."""\n\n'
        f'TABLE = """\n{body}\n"""\n'
    )


if __name__ == "__main__":
    TABLE.write_text(written(fields_of_client()), encoding="utf-8")
