"""What `aws ecs describe-task-definition` prints, taken as arguments as it is."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from typing import Any

_log = logging.getLogger("flowenv.fargate")

_SET_BY_ECS = frozenset(
    {
        *("taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities"),
        *("registeredAt", "registeredBy", "deregisteredAt", "deleteRequestedAt"),
        "ResponseMetadata",
    }
)
_RESERVED_TAGS = ("aws:", "flowenv:")


def as_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the arguments without what ECS had set, and without its outer `taskDefinition`.

    What is left out is said in one note of the log.

    >>> as_arguments({"taskDefinition": {"family": "flows", "revision": 3}, "tags": []})
    {'family': 'flows', 'tags': []}
    """
    described = given.get("taskDefinition")
    if isinstance(described, Mapping):
        given = {**described, **{k: v for k, v in given.items() if k != "taskDefinition"}}
    left_out = sorted(_SET_BY_ECS & given.keys())
    result = {k: copy.deepcopy(v) for k, v in given.items() if k not in _SET_BY_ECS}
    if left_out and isinstance(result.get("tags"), list):
        # tags of a described definition; nobody else can set these
        result["tags"] = [tag for tag in result["tags"] if not _is_reserved(tag)]
    if left_out:
        _log.warning("Left out what ECS had set in the task definition: %s.", ", ".join(left_out))
    return result


def _is_reserved(tag: Any) -> bool:
    return isinstance(tag, Mapping) and str(tag.get("key", "")).startswith(_RESERVED_TAGS)
