"""Label and field selectors, as in the query of a list or a watch."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from rigs.kubernetes.resources import ResourceType
from rigs.kubernetes.status import bad_request

Predicate = Callable[[Mapping[str, Any]], bool]
"""Says whether an object is selected."""

_SET_REQUIREMENT = re.compile(r"(\S+)\s+(in|notin)\s*\(([^()]*)\)")
_EQUALITY = re.compile(r"([^\s=!]+)\s*(==|=|!=)\s*(\S*)")
_PRESENCE = re.compile(r"(!?)\s*([A-Za-z0-9][-A-Za-z0-9_./]*)")
_FIELDS_OF_ALL = frozenset({"metadata.name", "metadata.namespace"})
_FIELDS = {
    "Pod": {"spec.nodeName", "spec.restartPolicy", "status.phase", "status.podIP"},
    "Job": {"status.successful"},
    "Event": {
        *(f"involvedObject.{key}" for key in ("kind", "name", "namespace", "uid", "apiVersion")),
        *("reason", "type", "source", "reportingComponent"),
    },
    "Secret": {"type"},
    "Namespace": {"status.phase"},
    "Node": {"spec.unschedulable"},
}


def field(manifest: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path, or None."""
    value: Any = manifest
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def label_selector(text: str | None) -> Predicate | None:
    """Return what a label selector selects; None for everything.

    Raises:
        ApiError: 400, the selector can't be parsed.
    """
    requirements = [
        _label_requirement(term.strip())
        for term in re.split(r",(?![^()]*\))", text or "")
        if term.strip()
    ]
    if not requirements:
        return None

    def selects(manifest: Mapping[str, Any]) -> bool:
        labels = manifest["metadata"].get("labels") or {}
        return all(requirement(labels) for requirement in requirements)

    return selects


def _label_requirement(term: str) -> Callable[[Mapping[str, str]], bool]:
    if match := _SET_REQUIREMENT.fullmatch(term):
        key, values = match[1], {value.strip() for value in match[3].split(",")}
        wanted = match[2] == "in"
        return lambda labels: (labels.get(key) in values) == wanted
    if match := _EQUALITY.fullmatch(term):
        key, value, equal = match[1], match[3], match[2] != "!="
        return lambda labels: (labels.get(key) == value) == equal
    if match := _PRESENCE.fullmatch(term):
        key, present = match[2], not match[1]
        return lambda labels: (key in labels) == present
    raise bad_request(f"unable to parse requirement: {term!r}")


def field_selector(text: str | None, resource: ResourceType) -> Predicate | None:
    """Return what a field selector selects; None for everything.

    Raises:
        ApiError: 400, the selector can't be parsed or the resource can't be selected by the field.
    """
    requirements: list[tuple[str, str, bool]] = []
    for term in filter(None, (text or "").split(",")):
        match = re.fullmatch(r"([^=!]+)(==|=|!=)(.*)", term.strip())
        if not match:
            raise bad_request(f"invalid selector: {term!r}; can't understand {term!r}")
        path = match[1]
        if path not in _FIELDS_OF_ALL | _FIELDS.get(resource.kind, set()):
            raise bad_request(f"field label not supported: {path}")
        requirements.append((path, match[3], match[2] != "!="))
    if not requirements:
        return None

    def selects(manifest: Mapping[str, Any]) -> bool:
        return all(
            (_text(field(manifest, path)) == value) == equal for path, value, equal in requirements
        )

    return selects


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def both(*predicates: Predicate | None) -> Predicate:
    """Return what all the predicates select; None stands for everything."""
    present = [predicate for predicate in predicates if predicate is not None]
    return lambda manifest: all(predicate(manifest) for predicate in present)


def selector_of_labels(labels: Mapping[str, str]) -> str:
    """Return the selector text for objects that carry all these labels."""
    return ",".join(f"{key}={value}" for key, value in labels.items())
