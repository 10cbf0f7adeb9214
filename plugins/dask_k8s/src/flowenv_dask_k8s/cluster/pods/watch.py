"""One list and one watch of a run's workers' pods, for as long as the cluster is there."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from flowenv.errors import FlowenvError
from flowenv.plugin import Patience
from flowenv_k8s.plugin import PODS, Client, Refused, Request, Stream, trimmed_pod

_log = logging.getLogger("flowenv.dask_k8s")

_SILENCE = 90.0
"""Seconds without a word after which the connection counts as dead; bookmarks come each minute."""
_PERIOD = 300
"""Seconds after which the API server is asked to end a watch."""


class WorkerWatch:
    """Knows the pods that a label selector selects, trimmed to what tells how they stand.

    Args:
        client: the connection.
        namespace: where.
        labels: the selector.
        heard: called, in the watch's thread, with each pod that is new, changed or gone.

    Attributes:
        pods: them, by name.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        labels: str,
        heard: Callable[[Mapping[str, Any], bool], object],
    ) -> None:
        self._client, self._namespace, self._labels = client, namespace, labels
        self._heard = heard
        self._over = threading.Event()
        self._stream: Stream | None = None
        self.pods: dict[str, dict[str, Any]] = {}

    def start(self) -> list[dict[str, Any]]:
        """List the pods, which it returns as they are, and watch from then on.

        An outage is waited for.

        Raises:
            FlowenvError: if they can't be listed.
        """
        patience = Patience(late="The workers")
        found, version = patience.through(
            lambda: self._client.list(PODS, self._namespace, labels=self._labels)
        )
        self.pods = {pod["metadata"]["name"]: trimmed_pod(pod) for pod in found}
        target = self._run
        threading.Thread(target=target, args=(version,), name="watch-workers", daemon=True).start()
        return found

    def stop(self) -> None:
        """Watch no more."""
        self._over.set()
        if stream := self._stream:
            stream.interrupt()

    def _run(self, version: str) -> None:
        patience = Patience(late="News of the workers")
        while not self._over.is_set():
            try:
                version = self._follow(version or self._list())
                patience.succeeded()
            except Exception as error:  # workers that end unseen would never be replaced
                _log.debug("The watch of workers was cut: %s", error)
                version = ""
                self._over.wait(patience.failed(error))

    def _list(self) -> str:
        found, version = self._client.list(PODS, self._namespace, labels=self._labels)
        there = {pod["metadata"]["name"]: trimmed_pod(pod) for pod in found}
        for name, pod in list(self.pods.items()):
            if name not in there:
                self._take(pod, is_gone=True)
        for pod in there.values():
            self._take(pod, is_gone=False)
        return version

    def _follow(self, version: str) -> str:
        """Take in what happens; the version to go on from, or nothing if that isn't known."""
        query = {
            "watch": "1",
            "labelSelector": self._labels,
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_PERIOD),
        }
        request = Request("watch", PODS, self._namespace)
        try:
            stream = self._client.stream(request, query, raw=(410,), idle=_SILENCE)
        except Refused:
            return ""
        self._stream = stream
        if self._over.is_set():
            stream.interrupt()
        for line in stream.lines():
            event = json.loads(line)
            kind, pod = event["type"], event["object"]
            if kind == "ERROR":
                return ""
            version = str(pod["metadata"]["resourceVersion"])
            if kind != "BOOKMARK":
                self._take(trimmed_pod(pod), is_gone=kind == "DELETED")
        return version

    def _take(self, pod: dict[str, Any], *, is_gone: bool) -> None:
        name = pod["metadata"]["name"]
        if is_gone:
            self.pods.pop(name, None)
        else:
            self.pods[name] = pod
        try:
            self._heard(pod, is_gone)
        except FlowenvError as error:
            _log.debug("%s", error)
