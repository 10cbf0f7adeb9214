"""Looking into a rig's cluster and changing it, from any thread, without a client."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from rigs.kubernetes import selectors
from rigs.kubernetes.cluster import Cluster
from rigs.kubernetes.deletion import DeleteOptions
from rigs.kubernetes.kubelet import Kubelet
from rigs.kubernetes.objects import Manifest
from rigs.kubernetes.patches import merge_patch
from rigs.kubernetes.selectors import both
from rigs.kubernetes.store import Key

T = TypeVar("T")

# The loader in C reads large definitions some ten times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ClusterView(ABC):
    """What a test does with the objects of a cluster: apply, find, delete, wait."""

    kubelet: Kubelet
    _cluster: Cluster

    def __init__(self) -> None:
        self._changed = threading.Event()

    @abstractmethod
    def _on_server(self, function: Callable[[], T]) -> T:
        """Run a function in the server's thread and return its result."""

    def apply(
        self, manifest: Manifest | str | Path, namespace: str | None = None
    ) -> list[Manifest]:
        """Create objects, or change them if they are there, and return them.

        Args:
            manifest: an object, or YAML (text or a file) with any number of them.
            namespace: where objects go that name no namespace; by default ``default``.

        Raises:
            ApiError: the API server refuses one.
        """
        text = manifest.read_text() if isinstance(manifest, Path) else manifest
        documents = [text] if isinstance(text, dict) else list(yaml.load_all(text, _LOADER))
        return [
            self._on_server(lambda item=document: self._apply(item, namespace))  # type: ignore[misc]
            for document in documents
            if document
        ]

    def objects(
        self,
        kind: str,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> list[Manifest]:
        """Return the objects of a kind.

        Args:
            kind: kind, plural or short name.
            namespace: only there; by default everywhere.
            label_selector: only those that it selects.
            field_selector: only those that it selects.

        Raises:
            LookupError: no such kind.
        """
        resource = self._cluster.registry.of_kind(kind)
        by_fields = selectors.field_selector(field_selector, resource)
        selects = both(selectors.label_selector(label_selector), by_fields)
        store = self._cluster.store
        return self._on_server(lambda: store.list(resource, namespace or "", selects))

    def find(self, kind: str, name: str, namespace: str = "default") -> Manifest | None:
        """Return an object, or None."""
        key = self._key(kind, name, namespace)
        return self._on_server(lambda: self._cluster.store.find(key))

    def get(self, kind: str, name: str, namespace: str = "default") -> Manifest:
        """Return an object.

        Raises:
            ApiError: 404.
        """
        key = self._key(kind, name, namespace)
        return self._on_server(lambda: self._cluster.store.get(key))

    def delete(
        self,
        kind: str,
        name: str,
        namespace: str = "default",
        *,
        propagation: str | None = None,
        grace_seconds: int | None = None,
    ) -> None:
        """Delete an object as a client would.

        Raises:
            ApiError: 404.
        """
        key = self._key(kind, name, namespace)
        options = DeleteOptions(propagation, grace_seconds)
        self._on_server(lambda: self._cluster.deleter.delete(key, options))

    def wait_until(self, holds: Callable[[], T], what: str = "it", timeout: float = 60.0) -> T:
        """Wait until a function of yours returns something true, and return that.

        It is asked after every change in the cluster.

        Raises:
            TimeoutError: it didn't within ``timeout`` seconds; ``what`` is in the message.
        """
        deadline = time.monotonic() + timeout
        while True:
            self._changed.clear()
            if answer := holds():
                return answer
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{what} did not come to hold within {timeout} s")
            self._changed.wait(min(left, 0.05))

    def wait_for(
        self,
        kind: str,
        name: str,
        holds: Callable[[Manifest], Any],
        namespace: str = "default",
        timeout: float = 60.0,
    ) -> Manifest:
        """Wait until an object is there and something holds of it, and return it.

        Raises:
            TimeoutError: the message has the object as it was last.
        """

        def ready() -> Manifest | None:
            found = self.find(kind, name, namespace)
            return found if found is not None and holds(found) else None

        try:
            return self.wait_until(ready, f"{kind} {namespace}/{name}", timeout) or {}
        except TimeoutError as error:
            found = self.find(kind, name, namespace)
            raise TimeoutError(f"{error}; last seen: {found and found.get('status')}") from None

    def wait_gone(
        self, kind: str, name: str, namespace: str = "default", timeout: float = 60.0
    ) -> None:
        """Wait until an object isn't there.

        Raises:
            TimeoutError: it still is.
        """
        what = f"{kind} {namespace}/{name} being gone"
        self.wait_until(lambda: self.find(kind, name, namespace) is None, what, timeout)

    def pods_of(self, job: str, namespace: str = "default") -> list[Manifest]:
        """Return the pods of a Job."""
        return self.objects("Pod", namespace, f"batch.kubernetes.io/job-name={job}")

    def log(self, pod: str, container: str | None = None, namespace: str = "default") -> str:
        """Return what a pod's container has written so far; nothing if it hasn't started.

        Raises:
            ApiError: 404.
        """
        manifest = self.get("Pod", pod, namespace)
        name = container or manifest["spec"]["containers"][0]["name"]
        uid = manifest["metadata"]["uid"]

        def read() -> str:
            found = self.kubelet.log(uid, name, previous=False)
            lines = found.lines if found else []
            return b"".join(line.text for line in lines).decode(errors="replace")

        return self._on_server(read)

    def rotate_log(
        self, pod: str, container: str | None = None, namespace: str = "default"
    ) -> None:
        """Begin a new file of a container's log; a new request gets only what comes from now on.

        Raises:
            ApiError: 404.
            LookupError: the container has no log.
        """
        manifest = self.get("Pod", pod, namespace)
        name = container or manifest["spec"]["containers"][0]["name"]

        def rotate() -> None:
            found = self.kubelet.log(manifest["metadata"]["uid"], name, previous=False)
            if found is None:
                raise LookupError(f"container {name} of pod {namespace}/{pod} has no log")
            found.rotate()

        self._on_server(rotate)

    def _key(self, kind: str, name: str, namespace: str) -> Key:
        resource = self._cluster.registry.of_kind(kind)
        return Key(resource, namespace if resource.namespaced else "", name)

    def _apply(self, manifest: Manifest, namespace: str | None) -> Manifest:
        cluster = self._cluster
        resource = cluster.registry.of_kind(manifest["kind"], manifest.get("apiVersion"))
        space = manifest["metadata"].get("namespace") or namespace or "default"
        name = manifest["metadata"].get("name")
        key = Key(resource, space if resource.namespaced else "", name or "")
        found = cluster.store.find(key) if name else None
        if found is None:
            return cluster.create(resource, space, manifest)
        return cluster.store.replace(key, merge_patch(found, manifest))
