"""The Roles in the docs, and what was really asked of a rig, as one can compare them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from flowenv_k8s.api.refusals import Request
from rigs.kubernetes import KubernetesRig

_DOCS = Path(__file__).parents[2] / "docs" / "backends"

Permission = tuple[str, str, str]
"""An API group, a resource such as `pods/log`, and a verb."""


def documented(page: str, role: str) -> list[dict[str, Any]]:
    """The rules of a Role in a page of the docs.

    Args:
        page: the page, such as `k8s.md`.
        role: the Role's name.
    """
    blocks = (_DOCS / page).read_text().split("```yaml\n")[1:]
    for block in blocks:
        for found in yaml.safe_load_all(block.partition("```")[0]):
            if found.get("kind") == "Role" and found["metadata"]["name"] == role:
                rules: list[dict[str, Any]] = found["rules"]
                return rules
    raise LookupError(f"no Role {role} in {page}")


def granted(rules: Iterable[dict[str, Any]]) -> set[Permission]:
    """What a Role's rules allow."""
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def listed(*requests: Request) -> set[Permission]:
    """What a list of permissions allows."""
    return {(one.resource.group, one.rbac_resource, one.verb) for one in requests}


def asked(rig: KubernetesRig, user: str) -> set[Permission]:
    """What a user has asked of objects in namespaces; access reviews need no right."""
    return set(_asked(rig, user))


def _asked(rig: KubernetesRig, user: str) -> Iterator[Permission]:
    for one in rig.requests.select(user=user):
        if one.resource and one.namespace and one.status != 403:
            part = f"/{one.subresource}" if one.subresource else ""
            yield one.group, one.resource + part, one.verb
