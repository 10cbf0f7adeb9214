"""Objects that a run makes, each once: one that is there already may be another's."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from flowenv.errors import RunConflict
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.refusals import Refused
from flowenv_k8s.api.resources import Resource


def create_once(client: Client, resource: Resource, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Create an object that has an owner, and return it as the cluster has it.

    A request whose answer was lost is sent again, and finds what the first one made. Names can be
    guessed and labels copied, so that counts only with the right owner and content.

    Raises:
        RunConflict: if somebody else has made one of that name.
        FlowenvError: if the cluster refuses it.
    """
    metadata = manifest["metadata"]
    try:
        return client.create(resource, dict(manifest))
    except Refused as refused:
        found = client.get(resource, metadata["namespace"], metadata["name"])
        if found is not None and is_the_same(found, manifest):
            return found
        raise RunConflict(
            f"The {resource.kind} {metadata['name']} in the namespace {metadata['namespace']} is "
            "already there and isn't this run's.",
            hint="Somebody else took the name; the run is taken back. Submit it again.",
        ) from refused


def is_the_same(found: Mapping[str, Any], manifest: Mapping[str, Any]) -> bool:
    """Whether an object that is there is the one that was to be made, by owner and content."""
    return _owners(found) == _owners(manifest) and _content(found) == _content(manifest)


def is_owned_by(found: Mapping[str, Any], owner: Mapping[str, Any]) -> bool:
    """Whether an object has that owner, and nobody else's word is taken for it.

    Args:
        found: the object.
        owner: an ownerReference.
    """
    return str(owner["uid"]) in _owners(found)


def _owners(manifest: Mapping[str, Any]) -> set[str]:
    return {str(one.get("uid")) for one in manifest["metadata"].get("ownerReferences") or ()}


def _content(manifest: Mapping[str, Any]) -> Any:
    texts = (manifest.get("stringData") or {}).items()
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in texts}
    data = {**(manifest.get("data") or {}), **encoded}
    kind = manifest.get("type", "Opaque"), bool(manifest.get("immutable"))
    return data, kind, _without_defaults(manifest.get("spec"))


def _without_defaults(value: Any) -> Any:
    """A spec without what the API server adds: a port's protocol."""
    if isinstance(value, Mapping):
        return {
            key: _without_defaults(one)
            for key, one in value.items()
            if (key, one) != ("protocol", "TCP")
        }
    return [_without_defaults(one) for one in value] if isinstance(value, list) else value
