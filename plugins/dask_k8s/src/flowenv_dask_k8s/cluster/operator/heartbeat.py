"""How anybody can see whether the flow of a cluster without a Job is still there.

Such a flow runs outside of Kubernetes, say in a notebook. It marks its cluster again and again;
when the marks stop, the flow has been killed, or its machine sleeps or is gone.
"""

from __future__ import annotations

import datetime
import logging
import threading
from collections.abc import Mapping
from typing import Any

from flowenv.errors import FlowenvError
from flowenv.plugin import moment, seconds_since
from flowenv_dask_k8s.spec.resources import CLUSTERS
from flowenv_k8s.plugin import PREFIX, Client

_log = logging.getLogger("flowenv.dask_k8s")

ALIVE = PREFIX + "alive"
"""Annotation: when the flow was last alive, by its machine's clock."""
SILENCE = 180.0
"""Seconds without a new mark after which the flow counts as gone: several marks, and room for
clocks that differ."""
_PERIOD = 30.0
"""Seconds between two marks."""


def mark() -> dict[str, str]:
    """The annotation of a cluster whose flow is alive now."""
    return {ALIVE: datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}


def seconds_silent(found: Mapping[str, Any]) -> float | None:
    """Seconds since a cluster's flow was last alive; None if it isn't known."""
    last = moment((found["metadata"].get("annotations") or {}).get(ALIVE))
    return None if last is None else seconds_since(last)


class Heartbeat:
    """Marks a cluster, in a thread, until it is told to stop.

    Args:
        client: the connection.
        namespace: where the cluster is.
        name: the cluster.
    """

    def __init__(self, client: Client, namespace: str, name: str) -> None:
        self._client, self._namespace, self._name = client, namespace, name
        self._over = threading.Event()

    def start(self) -> None:
        """Begin; the cluster has been made with its first mark."""
        threading.Thread(target=self._mark, name="mark-dask-cluster", daemon=True).start()

    def stop(self) -> None:
        """Mark no more."""
        self._over.set()

    def _mark(self) -> None:
        while not self._over.wait(_PERIOD):
            patch = {"metadata": {"annotations": mark()}}
            try:
                if self._client.patch(CLUSTERS, self._namespace, self._name, patch) is None:
                    return
            except FlowenvError as error:  # the next one may get through
                _log.debug("The cluster can't be marked: %s", error)
