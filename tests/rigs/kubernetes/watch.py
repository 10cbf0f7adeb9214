"""Watches: the stream of changes that a client keeps open."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque

from aiohttp import web

from rigs.kubernetes.cluster import Cluster
from rigs.kubernetes.faults import Fault
from rigs.kubernetes.objects import Manifest
from rigs.kubernetes.requests_log import Request
from rigs.kubernetes.resources import ResourceType
from rigs.kubernetes.selectors import Predicate
from rigs.kubernetes.status import expired, number
from rigs.kubernetes.store import Change, watch_line

_INITIAL_EVENTS_END = "k8s.io/initial-events-end"
_DEFAULT_TIMEOUT = 3600
_BOOKMARK_SECONDS = 60.0


class Watch:
    """One open watch.

    Args:
        cluster: what is watched.
        resource: the type of the objects.
        namespace: only objects there; empty for all.
        selects: only these objects; one that begins or ceases to be selected is seen as added or
            deleted, as the API server has it.
        request: the log's entry of the request.
    """

    def __init__(
        self,
        cluster: Cluster,
        resource: ResourceType,
        namespace: str,
        selects: Predicate,
        request: Request,
    ) -> None:
        self._cluster = cluster
        self._resource = resource
        self._namespace = namespace
        self._selects = selects
        self._request = request
        self._pending: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._sent = 0

    async def serve(self, http_request: web.Request) -> web.StreamResponse:
        """Answer the request with the stream, until its timeout, a fault or the client ends it."""
        # Heard from before the first await on, so that nothing is missed in between.
        is_known = self._begin(self._request.query)
        self._cluster.store.listen(self._heard)
        self._cluster.faults.listen("watch", self._fault_changed)
        self._cluster.requests.opened(self._request)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        try:
            await response.prepare(http_request)
            if is_known:
                await self._stream(http_request, response)
            else:
                await response.write(self._gone())
        except ConnectionError:
            pass  # the client has gone
        finally:
            self._cluster.store.unlisten(self._heard)
            self._cluster.faults.unlisten("watch", self._fault_changed)
            self._cluster.requests.closed(self._request)
        return response

    async def _stream(self, http_request: web.Request, response: web.StreamResponse) -> None:
        timeout = self._request.query.get("timeoutSeconds")
        end = time.monotonic() + float(number(timeout) if timeout else _DEFAULT_TIMEOUT)
        bookmarks = _is_true(self._request.query.get("allowWatchBookmarks"))
        while (left := end - time.monotonic()) > 0:
            await self._cluster.answers.wait()
            fault = self._fault()
            while self._pending and (fault is None or self._sent < fault.options["after_events"]):
                self._sent += 1
                await response.write(self._pending.popleft())
            if fault is not None and self._sent >= fault.options["after_events"]:
                if fault.strike():
                    return await self._fail(fault, http_request, response)
                continue
            self._wake.clear()
            try:
                async with asyncio.timeout(min(left, _BOOKMARK_SECONDS)):
                    await self._wake.wait()
            except TimeoutError:
                if bookmarks:
                    await response.write(self._bookmark())
        return None

    def _begin(self, query: dict[str, str]) -> bool:
        """Queue what happened before now; False if that is no longer known."""
        since = query.get("resourceVersion", "")
        store = self._cluster.store
        if since in ("", "0"):
            for manifest in store.list(self._resource, self._namespace, self._selects):
                self._pending.append(watch_line("ADDED", manifest))
            if _is_true(query.get("sendInitialEvents")):
                self._pending.append(self._bookmark(annotated=True))
            return True
        changes = store.changes_since(self._resource, number(since))
        for change in changes or ():
            self._heard(change)
        return changes is not None

    def _heard(self, change: Change) -> None:
        key = change.key
        if key.resource != self._resource or (self._namespace and key.namespace != self._namespace):
            return
        line = self._line(change)
        if line is not None:
            self._pending.append(line)
            self._wake.set()

    def _line(self, change: Change) -> bytes | None:
        is_selected = change.kind != "DELETED" and self._selects(change.object)
        was_selected = change.previous is not None and self._selects(change.previous)
        if is_selected and (was_selected or change.kind == "ADDED"):
            return change.encoded
        if is_selected:
            return watch_line("ADDED", change.object)
        if was_selected:
            return watch_line("DELETED", change.object)
        return None

    def _gone(self) -> bytes:
        """Return the line that says that the asked version is no longer known."""
        asked = self._request.query.get("resourceVersion") or "1"
        refusal = expired(asked, self._cluster.store.version)
        return json.dumps({"type": "ERROR", "object": refusal.body()}).encode() + b"\n"

    def _bookmark(self, *, annotated: bool = False) -> bytes:
        metadata: Manifest = {"resourceVersion": str(self._cluster.store.version)}
        if annotated:
            metadata["annotations"] = {_INITIAL_EVENTS_END: "true"}
        return watch_line(
            "BOOKMARK",
            {
                "kind": self._resource.kind,
                "apiVersion": self._resource.api_version,
                "metadata": metadata,
            },
        )

    def _fault(self) -> Fault | None:
        for fault in self._cluster.faults.active("watch"):
            asked = (self._request.verb, self._request.resource)
            where = (self._request.namespace, self._request.name)
            if not fault.is_spent and fault.matches_request(*asked, *where):
                return fault
        return None

    def _fault_changed(self, fault: Fault, injected: bool) -> None:
        self._sent = 0  # events are counted from the moment of the fault
        self._wake.set()

    async def _fail(
        self, fault: Fault, http_request: web.Request, response: web.StreamResponse
    ) -> None:
        if fault.kind.name == "watch_gone":
            await response.write(self._gone())
        elif http_request.transport is not None:
            http_request.transport.abort()


def _is_true(text: str | None) -> bool:
    return (text or "").lower() in ("1", "true")
