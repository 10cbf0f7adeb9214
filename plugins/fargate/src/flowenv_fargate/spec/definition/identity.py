"""The task definition: its hash, its name, and the tags that it is registered with. Pure."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from flowenv_fargate.spec.definition.comparison import canonical
from flowenv_fargate.spec.tags import CLUSTER, SPEC_HASH

Definition = dict[str, Any]

FLOW_CONTAINER = "flow-container"
"""The name of the flow's container where the user gives none."""
_GENERATED = re.compile(r"flowenv-.*-[0-9a-f]{16}")


def definition_hash(definition: Mapping[str, Any]) -> str:
    """The hash that tells definitions apart: of everything but name and tags."""
    content = canonical({k: v for k, v in definition.items() if k not in ("family", "tags")})
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


def flow_container_name(definition: Mapping[str, Any]) -> str:
    """The name of an existing definition's flow container: the first that is no log router."""
    containers = definition["containerDefinitions"]
    found = next((c for c in containers if not c.get("firelensConfiguration")), containers[0])
    return str(found["name"])
