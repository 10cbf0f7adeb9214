"""The task definition: what is registered, its name, and how two are compared. Pure."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from flowenv_fargate.spec.sizes import as_units
from flowenv_fargate.spec.tags import CLUSTER, SPEC_HASH

Definition = dict[str, Any]

FLOW_CONTAINER = "flow-container"
"""The name of the flow's container where the user gives none."""
_GENERATED = re.compile(r"flowenv-.*-[0-9a-f]{16}")
_SHOWN = frozenset({"cpu", "memory", "networkMode", "image"})
"""Fields whose values an error may show; others can hold secrets."""


def definition_hash(definition: Mapping[str, Any]) -> str:
    """The hash that tells definitions apart: of everything but name and tags."""
    content = {k: v for k, v in definition.items() if k not in ("family", "tags")}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def generated_family(flow_name: str, definition: Mapping[str, Any]) -> str:
    """A family named after the flow and the definition's content.

    >>> generated_family("Größe 7", {"cpu": "256"})
    'flowenv-Gr-e-7-a109691e437c0bf7'
    """
    slug = re.sub(r"[^A-Za-z0-9_]+", "-", flow_name).strip("-")[:100] or "flow"
    return f"flowenv-{slug}-{_family_hash(definition)}"


def _family_hash(definition: Mapping[str, Any]) -> str:
    """What tells generated families apart: the content, and the cluster that it is for."""
    digest = definition_hash(definition)
    tags = definition.get("tags") or []
    cluster = next((tag.get("value") for tag in tags if tag.get("key") == CLUSTER), None)
    if cluster is not None:
        digest = hashlib.sha256(f"{digest} {cluster}".encode()).hexdigest()
    return digest[:16]


def is_generated(family: str) -> bool:
    """True for a family that `generated_family` may have named."""
    return bool(_GENERATED.fullmatch(family))


def tagged(definition: Mapping[str, Any]) -> Definition:
    """The definition as it is registered: with its hash as a tag, and its family's name.

    A generated name is made anew, since plugins may have changed the definition.
    """
    result = copy.deepcopy(dict(definition))
    digest = definition_hash(result)
    family = result["family"]
    if is_generated(family):
        result["family"] = f"{family[:-16]}{_family_hash(result)}"
    tags = [tag for tag in result.get("tags") or [] if tag.get("key") != SPEC_HASH]
    result["tags"] = [*tags, {"key": SPEC_HASH, "value": digest}]
    return result


def normalised(definition: Mapping[str, Any]) -> Definition:
    """The definition with task-level sizes as ECS stores them."""
    result = dict(definition)
    for name in ("cpu", "memory"):
        if result.get(name) is not None:
            result[name] = as_units(result[name])
    return result


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Where the registered definition isn't as wanted; what isn't wanted isn't compared.

    Args:
        wanted: the fields that matter.
        found: what DescribeTaskDefinition says.

    >>> differences({"cpu": "512", "containerDefinitions": [{"name": "a", "image": "b:2"}]},
    ...     {"cpu": "512", "containerDefinitions": [{"name": "a", "image": "b:1", "cpu": 0}]})
    ['containerDefinitions[a].image (b:1 there, b:2 here)']
    """
    fields = {k: v for k, v in normalised(wanted).items() if k not in ("family", "tags")}
    return list(_differences(fields, found, ""))


def _differences(wanted: Any, found: Any, where: str) -> Iterator[str]:
    if isinstance(wanted, Mapping):
        there = found if isinstance(found, Mapping) else {}
        for name, one in wanted.items():
            yield from _differences(one, there.get(name), f"{where}.{name}" if where else name)
    elif isinstance(wanted, list) and wanted and all(_is_named(one) for one in wanted):
        yield from _named_differences(wanted, found or [], where)
    elif isinstance(wanted, list):
        yield from _list_differences(wanted, found or [], where)
    elif wanted != found and not (wanted in (None, "") and found in (None, "")):
        name = where.rpartition(".")[2]
        yield f"{where} ({found} there, {wanted} here)" if name in _SHOWN else where


def _named_differences(wanted: list[Any], found: list[Any], where: str) -> Iterator[str]:
    there = {one.get("name"): one for one in found if isinstance(one, Mapping)}
    for one in wanted:
        place = f"{where}[{one['name']}]"
        if one["name"] in there:
            yield from _differences(one, there[one["name"]], place)
        elif set(one) != {"name", "value"} or one["value"]:
            # ECS may drop a variable whose value is empty
            yield f"{place} (isn't there)"


def _list_differences(wanted: list[Any], found: list[Any], where: str) -> Iterator[str]:
    if len(wanted) != len(found):
        yield where
        return
    for index, (one, other) in enumerate(zip(wanted, found, strict=True)):
        yield from _differences(one, other, f"{where}[{index}]")


def _is_named(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("name"), str)


def all_differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Differences both ways, for definitions of ours: also what is there and isn't wanted."""
    one_way = differences(wanted, found)
    return one_way or [f"{place} (no longer wanted)" for place in _extra(wanted, found)]


def _extra(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    mine = {one["name"]: one for one in wanted.get("containerDefinitions") or []}
    for container in found.get("containerDefinitions") or []:
        name = container.get("name")
        if name not in mine:
            yield f"containerDefinitions[{name}]"
            continue
        for kind in ("environment", "secrets"):
            known = {entry["name"] for entry in mine[name].get(kind) or []}
            for entry in container.get(kind) or []:
                if entry["name"] not in known:
                    yield f"containerDefinitions[{name}].{kind}[{entry['name']}]"
