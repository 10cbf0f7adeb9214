"""How often a container was started again, of which its pod tells a little later."""

from __future__ import annotations

import time

from flowenv_k8s.runs.diagnosis.pod_status import container_status
from flowenv_k8s.runs.watch.pod_updates import PodUpdates

_LATE = 5.0
"""Seconds after which a pod's status tells of a container that was started again."""


class Restarts:
    """The restarts of one container.

    Args:
        updates: the run's pods.
        uid: the pod.
        container: the container; empty for the first.
    """

    def __init__(self, updates: PodUpdates, uid: str, container: str) -> None:
        self._updates = updates
        self._uid = uid
        self._container = container
        self._known = self.count

    @property
    def count(self) -> int:
        """How often it was started again, as far as the pod has told."""
        status = container_status(self._updates.pods[self._uid], self._container)
        return int(status.get("restartCount", 0))

    def news(self) -> int:
        """How often since this was asked last; wait for the pod to tell of it."""
        if self._updates.pods[self._uid]["spec"].get("restartPolicy") == "Never":
            return 0
        end = time.monotonic() + _LATE
        while self.count == self._known and (left := end - time.monotonic()) > 0:
            self._updates.wait(left)
        before, self._known = self._known, self.count
        return self._known - before
