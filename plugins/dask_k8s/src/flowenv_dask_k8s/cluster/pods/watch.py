"""One list and one watch of a run's workers' pods, for as long as the cluster is there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from flowenv.errors import FlowenvError
from flowenv.plugin import Patience
from flowenv_k8s.plugin import PODS, Client, Stream, WatchExpired, pod_events, trimmed_pod

_log = logging.getLogger("flowenv.dask_k8s")


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
                version = self._follow(version or self._list(), patience)
            except WatchExpired:
                version = ""
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

    def _follow(self, version: str, patience: Patience) -> str:
        """Take in what happens; the version to go on from."""

        def opened(stream: Stream) -> None:
            patience.succeeded()
            self._stream = stream
            if self._over.is_set():
                stream.interrupt()

        where = (self._namespace, self._labels, version)
        for pod, is_gone in pod_events(self._client, *where, opened):
            version = str(pod["metadata"]["resourceVersion"])
            if is_gone is not None:
                self._take(trimmed_pod(pod), is_gone=is_gone)
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
