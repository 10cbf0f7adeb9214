"""What each verb does with objects; no HTTP here."""

from __future__ import annotations

import base64
import json
from typing import Any

import yaml

from rigs.kubernetes import patches
from rigs.kubernetes.admission import without_nulls
from rigs.kubernetes.cluster import Cluster
from rigs.kubernetes.deletion import DeleteOptions
from rigs.kubernetes.objects import Manifest
from rigs.kubernetes.paths import Asked
from rigs.kubernetes.resources import POD
from rigs.kubernetes.selectors import Predicate, both, field_selector, label_selector
from rigs.kubernetes.status import bad_request, number, unsupported_patch
from rigs.kubernetes.store import Key
from rigs.kubernetes.validation import check


class Verbs:
    """The verbs on objects of a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._store = cluster.store

    @staticmethod
    def key(asked: Asked) -> Key:
        """Return the key of the object that a request names."""
        return Key(asked.resource, asked.namespace, asked.name)

    @staticmethod
    def selects(asked: Asked, query: dict[str, str]) -> Predicate:
        """Return what a request's selectors (and its name, for a watch of one) select."""
        name = asked.name
        return both(
            label_selector(query.get("labelSelector")),
            field_selector(query.get("fieldSelector"), asked.resource),
            (lambda manifest: manifest["metadata"]["name"] == name) if name else None,
        )

    def get(self, asked: Asked) -> Manifest:
        """Return an object, or its scale."""
        found = self._store.get(self.key(asked))
        return _scale(found) if asked.subresource == "scale" else found

    def list(self, asked: Asked, query: dict[str, str]) -> Manifest:
        """Return a list, or a page of it."""
        found = self._store.list(asked.resource, asked.namespace, self.selects(asked, query))
        metadata: Manifest = {"resourceVersion": str(self._store.version)}
        start = _page_start(query.get("continue"))
        if start or query.get("limit"):
            end = start + number(query.get("limit") or str(len(found)))
            if end < len(found):
                token = json.dumps({"start": end}).encode()
                metadata["continue"] = base64.b64encode(token).decode()
                metadata["remainingItemCount"] = len(found) - end
            found = found[start:end]
        return {
            "kind": f"{asked.resource.kind}List",
            "apiVersion": asked.resource.api_version,
            "metadata": metadata,
            "items": found,
        }

    def create(self, asked: Asked, body: Any) -> Manifest:
        """Create an object."""
        if asked.resource == POD and isinstance(body, dict):
            name = (body.get("metadata") or {}).get("name") or ""
            self._cluster.check_quota(Key(POD, asked.namespace, name), body, name)
        return self._cluster.create(asked.resource, asked.namespace, body)

    def update(self, asked: Asked, body: Any) -> Manifest:
        """Replace an object."""
        if not isinstance(body, dict):
            raise bad_request("the object provided is unrecognized (must be of type Object)")
        return self._write(asked, self._store.get(self.key(asked)), body)

    def patch(self, asked: Asked, body: bytes, media_type: str) -> Manifest:
        """Patch an object; applying one that isn't there creates it."""
        media_type = media_type.partition(";")[0].strip()
        patch = _decoded(body, media_type)
        key = self.key(asked)
        if media_type == patches.APPLY_PATCH and self._store.find(key) is None:
            return self._cluster.create(asked.resource, asked.namespace, patch)
        old = self._store.get(key)
        subject = _scale(old) if asked.subresource == "scale" else old
        new = _patched(asked, subject, patch, media_type)
        mentions_version = isinstance(patch, dict) and "resourceVersion" in (
            patch.get("metadata") or {}
        )
        if not mentions_version:
            metadata = dict(new["metadata"])
            metadata.pop("resourceVersion", None)
            new = {**new, "metadata": metadata}
        return self._write(asked, old, new)

    def delete(self, asked: Asked, query: dict[str, str], body: Any) -> Manifest:
        """Delete an object."""
        return self._cluster.deleter.delete(self.key(asked), _delete_options(query, body))

    def delete_collection(self, asked: Asked, query: dict[str, str], body: Any) -> Manifest:
        """Delete what the selectors select."""
        options = _delete_options(query, body)
        answer = self.list(asked, query)
        for manifest in answer["items"]:
            metadata = manifest["metadata"]
            key = Key(asked.resource, metadata.get("namespace", ""), metadata["name"])
            if self._store.find(key) is not None:
                self._cluster.deleter.delete(key, options)
        return answer

    def _write(self, asked: Asked, old: Manifest, given: Manifest) -> Manifest:
        key, given = self.key(asked), without_nulls(given)
        if asked.subresource == "scale":
            spec = {**old["spec"], "replicas": int((given.get("spec") or {}).get("replicas", 0))}
            return _scale(self._store.replace(key, {**old, "spec": spec}))
        metadata = given.get("metadata") or {}
        if asked.subresource == "status":
            versions = {"resourceVersion": metadata.get("resourceVersion")}
            new = {**old, "metadata": {**old["metadata"], **versions}}
            new["status"] = given.get("status") or {}
        else:
            new = {**given, "metadata": metadata}
            if asked.resource.has_status:
                new.pop("status", None)
                new.update({"status": old["status"]} if "status" in old else {})
            check(asked.resource, {**new, "metadata": {"name": key.name, **metadata}}, old)
        written = self._store.replace(key, new)
        self._cluster.deleter.finish(key)
        return written


def _patched(asked: Asked, old: Manifest, patch: Any, media_type: str) -> Manifest:
    if media_type == patches.JSON_PATCH:
        made = patches.json_patch(old, patch)
    elif media_type == patches.MERGE_PATCH:
        made = patches.merge_patch(old, patch)
    elif media_type == patches.STRATEGIC_PATCH and asked.resource.builtin:
        made = patches.strategic_patch(old, patch)
    elif media_type == patches.APPLY_PATCH:
        apply = patches.strategic_patch if asked.resource.builtin else patches.merge_patch
        made = apply(old, patch)
    else:
        accepted = [patches.JSON_PATCH, patches.MERGE_PATCH, patches.APPLY_PATCH]
        if asked.resource.builtin:
            accepted.insert(2, patches.STRATEGIC_PATCH)
        raise unsupported_patch(media_type, *accepted)
    if not isinstance(made, dict) or not isinstance(made.get("metadata"), dict):
        raise bad_request("the patched object is unrecognized (must be of type Object)")
    return made


def _decoded(body: bytes, media_type: str) -> Any:
    try:
        return yaml.safe_load(body) if media_type == patches.APPLY_PATCH else json.loads(body)
    except (ValueError, yaml.YAMLError) as error:
        raise bad_request(f"error decoding patch: {error}") from error


def _scale(manifest: Manifest) -> Manifest:
    metadata = manifest["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    replicas = (manifest.get("spec") or {}).get("replicas", 0)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in kept if name in metadata},
        "spec": {"replicas": replicas},
        "status": {"replicas": (manifest.get("status") or {}).get("replicas", 0)},
    }


def _page_start(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(json.loads(base64.b64decode(token))["start"])
    except (ValueError, KeyError) as error:
        raise bad_request(f"continue key is not valid: {error}") from error


def _delete_options(query: dict[str, str], body: Any) -> DeleteOptions:
    given = body if isinstance(body, dict) else {}
    grace = query.get("gracePeriodSeconds", given.get("gracePeriodSeconds"))
    policy = query.get("propagationPolicy") or given.get("propagationPolicy")
    orphans = query.get("orphanDependents") or given.get("orphanDependents")
    if policy is None and orphans is not None:
        policy = "Orphan" if str(orphans).lower() == "true" else "Background"
    wanted = given.get("preconditions") or {}
    seconds = None if grace is None else number(str(grace))
    return DeleteOptions(policy, seconds, wanted.get("uid"), wanted.get("resourceVersion"))
