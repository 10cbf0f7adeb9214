"""The connection to a cluster: requests and streams. Objects are plain dictionaries."""

from __future__ import annotations

import functools
import logging
import os
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flowenv.errors import PlatformUnreachable
from flowenv.plugin import Retries
from flowenv_k8s.api.kubeconfig import Source, not_taken, source
from flowenv_k8s.api.refusals import Refused, Request
from flowenv_k8s.api.resources import Resource
from flowenv_k8s.api.sending import Requests
from flowenv_k8s.api.session import Stream

T = TypeVar("T")

_log = logging.getLogger("flowenv.k8s")
MERGE_PATCH = "application/merge-patch+json"
_PAGE = 500
_PAGES = 10_000
"""Pages of a list that are asked for; a cluster's largest have some hundreds."""


def connect(context: str | None = None, *, own_pod: bool = False) -> Client:
    """The process's client for a context; the same one for all runs.

    Args:
        context: the kubeconfig's context; None for what `KUBECONFIG` names, else the pod's
            own configuration, else the kubeconfig's current context.
        own_pod: True where only the cluster that this pod is in can be meant.

    Raises:
        PlatformUnreachable: if there is no configuration; it says what was tried.
        ConfigurationError: if the kubeconfig has no such context.
    """
    where = source(context, own_pod=own_pod)
    with _making:  # threads that come at the same time share one
        return _client(where)


_making = threading.Lock()
_clients: weakref.WeakSet[Client] = weakref.WeakSet()


def _after_fork() -> None:
    """Threads don't come along: what they hold is held for ever, and what they do isn't done."""
    global _making
    _making = threading.Lock()
    for one in list(_clients):
        one.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@functools.lru_cache(maxsize=64)
def _client(where: Source) -> Client:
    if other := not_taken(where):
        _log.info("Kubernetes is reached by %s, not by %s", where, other)
    return Client(where)


def forget_connections() -> None:
    """Forget all clients, so that the next use connects afresh. For tests."""
    _client.cache_clear()


class Client:
    """A connection to one cluster. All methods may be called from several threads.

    Requests are tried again after 429 and 5xx, and when there is no answer: so a create may
    answer 409 for an object that its own first try made.

    Args:
        where: where the connection's settings come from.
        retries: when requests are tried again.

    Raises:
        PlatformUnreachable: if there are no settings.
        ConfigurationError: if there is no such context.
    """

    def __init__(self, where: Source, retries: Retries | None = None) -> None:
        self.where = where
        self.retries = retries or Retries()
        self._lock = threading.Lock()
        self._requests = Requests(where, self.retries)
        self._shared: dict[tuple[Callable[..., Any], str], Any] = {}
        _clients.add(self)

    def after_fork(self) -> None:
        """Make what can't be shared with the process that this one was forked from anew."""
        self._lock = threading.Lock()
        self._shared = {}
        self._requests.after_fork()

    # -- objects ------------------------------------------------------------------------

    @property
    def host(self) -> str:
        """The API server's address."""
        return self._requests.session.host

    def create(self, resource: Resource, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object and return it. Fields that the cluster doesn't know are refused.

        Raises:
            Refused: as it is, for 409: the caller knows whether it is its own object.
            FlowenvError: for every other refusal.
        """
        metadata = manifest.get("metadata") or {}
        request = Request(
            "create", resource, metadata.get("namespace") or "", metadata.get("name") or ""
        )
        path = resource.path(request.namespace)
        # else Kubernetes drops what it doesn't know, and the run isn't what was asked for
        strictly = {"fieldValidation": "Strict"}
        return self._requests.json(request, "POST", path, query=strictly, body=manifest, raw=(409,))

    def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        """An object; None if it isn't there."""
        request = Request("get", resource, namespace, name)
        try:
            return self._requests.json(request, "GET", resource.path(namespace, name), raw=(404,))
        except Refused:
            return None

    def list(
        self, resource: Resource, namespace: str, *, labels: str = "", fields: str = ""
    ) -> tuple[list[dict[str, Any]], str]:
        """The objects that selectors select, and the version to watch from.

        Args:
            resource: of which type.
            namespace: where.
            labels: label selector.
            fields: field selector.
        """
        request = Request("list", resource, namespace)
        query = {"labelSelector": labels, "fieldSelector": fields, "limit": str(_PAGE)}
        found: list[dict[str, Any]] = []
        for _ in range(_PAGES):
            page = self._requests.json(request, "GET", resource.path(namespace), query=query)
            items, metadata = page.get("items") or [], page.get("metadata") or {}
            if not isinstance(items, list) or not isinstance(metadata, dict):
                raise self._requests.odd(request, "its answer is no list")
            found += items
            if not (more := metadata.get("continue")):
                return found, str(metadata.get("resourceVersion") or "")
            if more == query.get("continue"):
                break
            query["continue"] = more
        raise self._requests.odd(request, "its list has no end")

    def patch(
        self, resource: Resource, namespace: str, name: str, patch: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """Merge a patch into an object and return it; None if it isn't there.

        Args:
            resource: of which type.
            namespace: where.
            name: which.
            patch: the patch; with a `uid` in its metadata only the object that has it counts.
        """
        request = Request("patch", resource, namespace, name)
        path = resource.path(namespace, name)
        by_uid = "uid" in (patch.get("metadata") or {})
        try:
            return self._requests.json(
                request, "PATCH", path, body=patch, content_type=MERGE_PATCH, raw=(404, 409)
            )
        except Refused as refused:
            if refused.code == 409 and not by_uid:
                raise refused.error() from refused
            return None

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str | None = None,
        version: str | None = None,
        propagation: str = "Background",
        grace: int | None = None,
    ) -> bool:
        """Delete an object, and what it owns.

        Args:
            resource: of which type.
            namespace: where.
            name: which.
            uid: only the object with this UID, not another that took its name.
            version: with the UID: only as it was with this resourceVersion.
            propagation: `Background`, or `Foreground` to keep it until all it owns is gone.
            grace: seconds that a pod's containers get to end; None for what the pod says.

        Returns:
            False if it wasn't there, or was another one.
        """
        request = Request("delete", resource, namespace, name)
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
        }
        if uid:
            body["preconditions"] = {"uid": uid} | ({"resourceVersion": version} if version else {})
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        path = resource.path(namespace, name)
        try:
            self._requests.json(request, "DELETE", path, body=body, raw=(404, 409))
        except Refused as refused:
            if refused.code == 409 and not uid:
                raise refused.error() from refused
            return False
        return True

    def read(self, path: str) -> dict[str, Any]:
        """What the API server says at a path, such as `/version`."""
        about = Resource("", "", path.strip("/"), path, namespaced=False)
        return self._requests.json(Request("get", about), "GET", path)

    # -- streams ------------------------------------------------------------------------

    def stream(
        self,
        request: Request,
        query: Mapping[str, str],
        *,
        raw: tuple[int, ...] = (),
        idle: float | None = None,
    ) -> Stream:
        """Open a stream: a watch, or a log.

        Args:
            request: what is asked for.
            query: its parameters.
            raw: HTTP statuses that are raised as `Refused` itself.
            idle: seconds without data after which the stream counts as cut; None for never.

        Raises:
            FlowenvError: if it is refused.
        """
        return self._requests.stream(request, query, raw=raw, idle=idle)

    def websocket(self, path: str) -> Any:
        """A websocket to the API server, for what is neither an object nor a stream.

        Args:
            path: path and query.

        Raises:
            PlatformUnreachable: if it doesn't come about.
        """
        try:
            return self._requests.session.websocket(path)
        except Exception as error:  # each library on the way has its own
            raise PlatformUnreachable(f"No websocket to {self.host}: {error}") from error

    def shared(self, make: Callable[[Client, str], T], namespace: str) -> T:
        """What all runs of a namespace share on this connection, made when it is first used.

        Args:
            make: makes it from the connection and the namespace, such as a watch.
            namespace: which.
        """
        with self._lock:
            if (make, namespace) not in self._shared:
                self._shared[make, namespace] = make(self, namespace)
            found: T = self._shared[make, namespace]
            return found
