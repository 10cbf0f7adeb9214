"""Definitions compared as ECS keeps them: with lists in another order, defaults and role ARNs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from flowenv_fargate.spec.definition.sizes import as_units

_SHOWN = frozenset({"cpu", "memory", "networkMode", "image"})
"""Fields whose values an error may show; others can hold secrets."""
_ROLES = frozenset({"executionRoleArn", "taskRoleArn"})
_ORDERED = frozenset(
    {
        *("containerDefinitions", "command", "entryPoint", "links"),
        *("dnsServers", "dnsSearchDomains", "environmentFiles"),
    }
)
"""Lists whose order means something; ECS keeps all others in an order of its own."""


def normalised(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The definition with task-level sizes as ECS stores them."""
    result = dict(definition)
    for name in ("cpu", "memory"):
        if result.get(name) is not None:
            result[name] = as_units(result[name])
    return result


def canonical(value: Any, field: str = "") -> Any:
    """A definition, or a part of it, in the one form that everything that means the same has.

    Args:
        value: the part.
        field: its name in the definition.

    >>> canonical({"executionRoleArn": "arn:aws:iam::123456789012:role/flows"})
    {'executionRoleArn': 'flows'}
    >>> canonical({"ulimits": [{"name": "nproc"}, {"name": "core"}], "command": ["b", "a"]})
    {'ulimits': [{'name': 'core'}, {'name': 'nproc'}], 'command': ['b', 'a']}
    """
    if isinstance(value, Mapping):
        return {key: canonical(one, str(key)) for key, one in value.items()}
    if isinstance(value, list | tuple):
        items = [canonical(one) for one in value]
        # a health check's command is called so, too
        return items if field in _ORDERED else sorted(items, key=_text)
    return _role(value) if field in _ROLES and isinstance(value, str) else value


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _role(name_or_arn: str) -> str:
    return name_or_arn.partition(":role/")[2] or name_or_arn


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
    field = where.rpartition(".")[2]
    if isinstance(wanted, Mapping):
        there = found if isinstance(found, Mapping) else {}
        for name, one in wanted.items():
            yield from _differences(one, there.get(name), f"{where}.{name}" if where else name)
    elif isinstance(wanted, list) and wanted and all(_is_named(one) for one in wanted):
        yield from _named_differences(wanted, found or [], where)
    elif isinstance(wanted, list):
        yield from _list_differences(wanted, found or [], where, ordered=field in _ORDERED)
    elif field in _ROLES and isinstance(wanted, str) and isinstance(found, str):
        if _role(wanted) != _role(found):
            yield where
    elif wanted != found and not (wanted in (None, "") and found in (None, "")):
        yield f"{where} ({found} there, {wanted} here)" if field in _SHOWN else where


def _named_differences(wanted: list[Any], found: list[Any], where: str) -> Iterator[str]:
    there = {one.get("name"): one for one in found if isinstance(one, Mapping)}
    for one in wanted:
        place = f"{where}[{one['name']}]"
        if one["name"] in there:
            yield from _differences(one, there[one["name"]], place)
        elif set(one) != {"name", "value"} or one["value"]:
            # ECS may drop a variable whose value is empty
            yield f"{place} (isn't there)"


def _list_differences(
    wanted: list[Any], found: list[Any], where: str, *, ordered: bool
) -> Iterator[str]:
    if len(wanted) != len(found):
        yield where
    elif ordered:
        for index, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from _differences(one, other, f"{where}[{index}]")
    elif not _are_all_there(wanted, found):
        yield where


def _are_all_there(wanted: list[Any], found: list[Any]) -> bool:
    """Whether each wanted item is one of those found, which may say more."""
    left = list(found)
    for one in sorted(wanted, key=lambda item: -len(_text(item))):  # what says most comes first
        match = next((other for other in left if not any(_differences(one, other, ""))), None)
        if match is None:
            return False
        left.remove(match)
    return True


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
