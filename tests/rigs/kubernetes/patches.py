"""The kinds of patch that the API server takes; all of them are pure."""

from __future__ import annotations

import copy
from typing import Any

from rigs.kubernetes.status import ApiError, bad_request

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

# How the API's types declare that elements of a list are told apart (patchMergeKey).
_MERGE_KEYS = {
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "ports": ("containerPort", "port"),
    "secrets": ("name",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
_MERGED_SETS = frozenset({"finalizers"})


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396) and return the result.

    >>> merge_patch({"a": 1, "b": {"c": 2}}, {"a": None, "b": {"d": 3}})
    {'b': {'c': 2, 'd': 3}}
    """
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def strategic_patch(target: Any, patch: Any) -> Any:
    """Apply a strategic merge patch: lists whose elements have a key are merged by it.

    >>> strategic_patch({"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "B"}]})
    {'env': [{'name': 'A', 'value': '1'}, {'name': 'B'}]}
    """
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    if patch.get("$patch") == "replace":
        return {key: copy.deepcopy(value) for key, value in patch.items() if key != "$patch"}
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if key.startswith(("$setElementOrder/", "$retainKeys")):
            continue
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            result[name] = [item for item in result.get(name) or [] if item not in value]
        elif value is None:
            result.pop(key, None)
        elif isinstance(value, list):
            result[key] = _merged_list(key, result.get(key) or [], value)
        else:
            result[key] = strategic_patch(result.get(key), value)
    return result


def _merged_list(field: str, target: list[Any], patch: list[Any]) -> list[Any]:
    if field in _MERGED_SETS:
        return [*target, *(item for item in patch if item not in target)]
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [copy.deepcopy(item) for item in patch if item.get("$patch") != "replace"]
    merge_key = next(
        (key for key in _MERGE_KEYS.get(field, ()) if all(key in item for item in patch)), None
    )
    if merge_key is None:
        return copy.deepcopy(patch)
    merged = {item.get(merge_key): item for item in target}
    for item in patch:
        identity = item[merge_key]
        if item.get("$patch") == "delete":
            merged.pop(identity, None)
        else:
            merged[identity] = strategic_patch(merged.get(identity), item)
    return list(merged.values())


def json_patch(target: Any, operations: list[dict[str, Any]]) -> Any:
    """Apply a JSON patch (RFC 6902) and return the result.

    Raises:
        ApiError: 422 for a test that fails or a path that isn't there, 400 for an unknown
            operation.
    """
    document = copy.deepcopy(target)
    for operation in operations:
        try:
            document = _apply_operation(document, operation)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            message = "the server rejected our request due to an error in our request"
            raise ApiError(422, "Invalid", message) from error
    return document


def _apply_operation(document: Any, operation: dict[str, Any]) -> Any:
    kind, path = operation["op"], _pointer(operation["path"])
    if kind in ("add", "replace"):
        return _put(document, path, operation["value"], replace=kind == "replace")
    if kind == "remove":
        return _removed(document, path)
    if kind == "test":
        if _value_at(document, path) != operation["value"]:
            raise ValueError(f"testing value {operation['path']} failed")
        return document
    if kind in ("move", "copy"):
        source = _pointer(operation["from"])
        value = copy.deepcopy(_value_at(document, source))
        if kind == "move":
            document = _removed(document, source)
        return _put(document, path, value, replace=False)
    raise bad_request(f"unexpected kind: {kind}")


def _pointer(text: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _value_at(document: Any, path: list[str]) -> Any:
    for part in path:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def _put(document: Any, path: list[str], value: Any, *, replace: bool) -> Any:
    if not path:
        return value
    parent, last = _value_at(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        if replace:
            parent[int(last)] = value
        else:
            parent.insert(len(parent) if last == "-" else int(last), value)
    else:
        if replace and last not in parent:
            raise KeyError(last)
        parent[last] = value
    return document


def _removed(document: Any, path: list[str]) -> Any:
    parent, last = _value_at(document, path[:-1]), path[-1]
    del parent[int(last) if isinstance(parent, list) else last]
    return document
