"""All objects of the cluster, their versions, and the history that watches read."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rigs.kubernetes.objects import Manifest, owner_uids, timestamp
from rigs.kubernetes.resources import ResourceType
from rigs.kubernetes.selectors import Predicate
from rigs.kubernetes.status import already_exists, conflict, not_found


@dataclass(frozen=True, slots=True)
class Key:
    """Which object: its type, namespace (empty for the whole cluster) and name."""

    resource: ResourceType
    namespace: str
    name: str


@dataclass(frozen=True)
class Change:
    """One step in the cluster's history."""

    kind: str
    """``ADDED``, ``MODIFIED`` or ``DELETED``."""
    version: int
    key: Key
    object: Manifest
    previous: Manifest | None

    @cached_property
    def encoded(self) -> bytes:
        """The line that a watch sends; encoded once, however many watches there are."""
        return watch_line(self.kind, self.object)


def watch_line(kind: str, manifest: Manifest) -> bytes:
    """Return one line of a watch's stream."""
    return json.dumps({"type": kind, "object": manifest}).encode() + b"\n"


class Store:
    """Objects by type, namespace and name.

    An object in the store is never changed in place: each write puts a new one there. So whoever
    holds one (a watch, a list that is being sent) may keep it without copying.

    Args:
        history: how many changes of each resource type are remembered for watches.
    """

    def __init__(self, history: int = 20_000) -> None:
        self.version = 1
        self._objects: dict[ResourceType, dict[str, dict[str, Manifest]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        self._keys_by_uid: dict[str, Key] = {}
        self._dependents: dict[str, dict[Key, None]] = defaultdict(dict)
        self._history: dict[ResourceType, deque[Change]] = defaultdict(
            lambda: deque(maxlen=history)
        )
        self._forgotten: dict[ResourceType, int] = defaultdict(int)
        self._forgotten_by_all = 0
        self._listeners: list[Callable[[Change], None]] = []

    def listen(self, listener: Callable[[Change], None]) -> None:
        """Call a function with every change, at once, in the order of the changes."""
        self._listeners.append(listener)

    def unlisten(self, listener: Callable[[Change], None]) -> None:
        """Stop calling a function."""
        self._listeners.remove(listener)

    def find(self, key: Key) -> Manifest | None:
        """Return an object, or None."""
        return self._objects[key.resource][key.namespace].get(key.name)

    def get(self, key: Key) -> Manifest:
        """Return an object.

        Raises:
            ApiError: 404.
        """
        found = self.find(key)
        if found is None:
            raise not_found(key.resource, key.name)
        return found

    def list(
        self, resource: ResourceType, namespace: str = "", selects: Predicate | None = None
    ) -> list[Manifest]:
        """Return the objects of a type, in one namespace or all, in the order of their names."""
        spaces = self._objects[resource]
        chosen = [namespace] if namespace else sorted(spaces)
        return [
            manifest
            for space in chosen
            if space in spaces
            for _, manifest in sorted(spaces[space].items())
            if selects is None or selects(manifest)
        ]

    def keys_in(self, namespace: str) -> Iterator[Key]:
        """Yield the keys of everything in a namespace."""
        for resource, spaces in list(self._objects.items()):
            for name in list(spaces.get(namespace, ())):
                yield Key(resource, namespace, name)

    def key_of_uid(self, uid: str) -> Key | None:
        """Return where the object with this UID is, or None."""
        return self._keys_by_uid.get(uid)

    def dependents(self, uid: str) -> Iterable[Key]:
        """Return the keys of the objects that an object owns."""
        return list(self._dependents.get(uid, ()))

    def create(self, key: Key, manifest: Manifest) -> Manifest:
        """Put a new object in and return it as it is stored.

        Raises:
            ApiError: 409, the name is taken.
        """
        if self.find(key) is not None:
            raise already_exists(key.resource, key.name)
        metadata = {
            **manifest["metadata"],
            "name": key.name,
            "uid": str(uuid.uuid4()),
            "creationTimestamp": timestamp(),
            "generation": 1,
        }
        if key.namespace:
            metadata["namespace"] = key.namespace
        return self._write("ADDED", key, {**manifest, "metadata": metadata}, None)

    def replace(self, key: Key, manifest: Manifest) -> Manifest:
        """Put a new version of an object in; what only the server may set stays as it is.

        Raises:
            ApiError: 404; 409 if the new version is based on an old one.
        """
        old = self.get(key)
        metadata = self._guarded_metadata(key, old["metadata"], manifest.get("metadata") or {})
        new = {**manifest, "metadata": metadata}
        if new == old:
            return old
        if new.get("spec") != old.get("spec"):
            metadata["generation"] = old["metadata"].get("generation", 1) + 1
        return self._write("MODIFIED", key, new, old)

    def set_metadata(self, key: Key, **fields: Any) -> Manifest:
        """Set fields of an object's metadata as the server itself; None removes one."""
        old = self.get(key)
        metadata = {**old["metadata"], **fields}
        kept = {name: value for name, value in metadata.items() if value is not None}
        return self._write("MODIFIED", key, {**old, "metadata": kept}, old)

    def set_status(self, key: Key, **fields: Any) -> Manifest | None:
        """Set fields of an object's status; None removes one. Nothing happens without the object.

        Returns:
            the object as it is now, or None if it isn't there.
        """
        old = self.find(key)
        if old is None:
            return None
        merged = {**(old.get("status") or {}), **fields}
        status = {name: value for name, value in merged.items() if value is not None}
        if status == old.get("status"):
            return old
        return self._write("MODIFIED", key, {**old, "status": status}, old)

    def remove(self, key: Key) -> Manifest:
        """Take an object out and return it.

        Raises:
            ApiError: 404.
        """
        old = self.get(key)
        return self._write("DELETED", key, old, old)

    def changes_since(self, resource: ResourceType, version: int) -> tuple[Change, ...] | None:
        """Return what changed after a version; None if that is no longer remembered."""
        if version < max(self._forgotten[resource], self._forgotten_by_all):
            return None
        return tuple(change for change in self._history[resource] if change.version > version)

    def forget_history(self) -> None:
        """Forget all past changes: a watch that starts from an older version gets a 410."""
        self.version += 1
        self._forgotten_by_all = self.version
        for history in self._history.values():
            history.clear()

    @staticmethod
    def _guarded_metadata(key: Key, old: Manifest, new: Manifest) -> Manifest:
        asked = new.get("resourceVersion")
        if asked and asked != old["resourceVersion"]:
            raise conflict(key.resource, key.name)
        if new.get("uid") and new["uid"] != old["uid"]:
            why = (
                f"Precondition failed: UID in precondition: {new['uid']}, "
                f"UID in object meta: {old['uid']}"
            )
            raise conflict(key.resource, key.name, why)
        guarded = (
            *("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp"),
            *("deletionTimestamp", "deletionGracePeriodSeconds"),
        )
        kept = {name: old[name] for name in guarded if name in old}
        return {**{name: value for name, value in new.items() if name not in guarded}, **kept}

    def _write(self, kind: str, key: Key, manifest: Manifest, old: Manifest | None) -> Manifest:
        self.version += 1
        metadata = {**manifest["metadata"], "resourceVersion": str(self.version)}
        stored = {
            "kind": key.resource.kind,
            "apiVersion": key.resource.api_version,
            **manifest,
            "metadata": metadata,
        }
        self._index(kind, key, stored, old)
        change = Change(kind, self.version, key, stored, old)
        history = self._history[key.resource]
        if len(history) == history.maxlen:
            self._forgotten[key.resource] = history[0].version
        history.append(change)
        for listener in tuple(self._listeners):
            listener(change)
        return stored

    def _index(self, kind: str, key: Key, manifest: Manifest, old: Manifest | None) -> None:
        for uid in owner_uids(old) if old else ():
            self._dependents[uid].pop(key, None)
            if not self._dependents[uid]:
                del self._dependents[uid]
        space = self._objects[key.resource][key.namespace]
        uid = manifest["metadata"]["uid"]
        if kind == "DELETED":
            space.pop(key.name, None)
            self._keys_by_uid.pop(uid, None)
            return
        space[key.name] = manifest
        self._keys_by_uid[uid] = key
        for owner in owner_uids(manifest):
            self._dependents[owner][key] = None
