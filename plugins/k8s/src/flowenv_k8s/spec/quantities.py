"""How much of a resource: what Kubernetes takes as a quantity.

See https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

_NUMBER = r"(\d+(\.\d*)?|\.\d+)"
_SUFFIX = r"([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?"
_QUANTITY = re.compile(rf"\+?{_NUMBER}{_SUFFIX}")

_LEAST_MEMORY = 1024 * 1024
"""Bytes: fewer are a number whose unit is missing."""

MEMORY_HINT = "Give it a unit, such as 512Mi or 2Gi."
HINT = "Such as 0.5, 500m, 2Gi or 4G."


def is_quantity(value: object) -> bool:
    """True if Kubernetes takes the value as how much of a resource a container asks for.

    >>> [is_quantity(one) for one in ("500m", "4Gi", 2, 0.5, "1e3", "1 Gigs", "-1", True)]
    [True, True, True, True, True, False, False, False]
    """
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return value >= 0
    return isinstance(value, str) and bool(_QUANTITY.fullmatch(value))


def too_little_memory(resources: Mapping[str, Any]) -> str:
    """A memory limit with which no container starts, since its unit is missing, as a sentence.

    >>> too_little_memory({"limits": {"memory": 512}})
    "limits.memory is '512', which is 512 bytes: no container starts with that."
    >>> too_little_memory({"limits": {"memory": "128m"}})
    "limits.memory is '128m', which is 0.128 bytes: no container starts with that."
    >>> too_little_memory({"limits": {"memory": "128Mi"}})
    ''
    """
    limits = resources.get("limits")
    given = str((limits if isinstance(limits, Mapping) else {}).get("memory", ""))
    number, unit = given.removesuffix("m"), given.endswith("m")
    if not re.fullmatch(_NUMBER, number) or float(number) >= _LEAST_MEMORY:
        return ""
    size = float(number) / 1000 if unit else float(number)
    return f"limits.memory is {given!r}, which is {size:g} bytes: no container starts with that."


def merged_resources(given: Any, setting: Mapping[str, Any] | None) -> dict[str, Any]:
    """A manifest's resources, and over them a setting's, key by key.

    >>> merged_resources({"limits": {"gpu": 1}, "requests": {"cpu": 1}}, {"requests": {"cpu": 2}})
    {'limits': {'gpu': 1}, 'requests': {'cpu': 2}}
    """
    merged: dict[str, Any] = copy.deepcopy(dict(given or {}))
    for part, values in (setting or {}).items():
        there = merged.get(part)
        is_mapping = isinstance(there, Mapping) and isinstance(values, Mapping)
        merged[part] = {**there, **values} if is_mapping else copy.deepcopy(values)  # type: ignore[dict-item]
    return merged


def wrong_quantities(resources: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], object]]:
    """What of a container's resources is no quantity: where, such as `limits`, `cpu`; and what.

    Args:
        resources: its `requests` and `limits`.
    """
    for part in ("requests", "limits"):
        given = resources.get(part) or {}
        if not isinstance(given, Mapping):
            yield (part,), given
            continue
        for name, value in given.items():
            if not is_quantity(value):
                yield (part, str(name)), value
