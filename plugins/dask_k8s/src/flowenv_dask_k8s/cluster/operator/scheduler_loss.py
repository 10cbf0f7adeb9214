"""Whether the scheduler that a run began with is still there, and if not, why."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from flowenv.errors import FlowenvError, PlatformError
from flowenv_dask_k8s.api import connection
from flowenv_dask_k8s.cluster import diagnosis
from flowenv_dask_k8s.cluster.interface import ClusterPlan
from flowenv_dask_k8s.cluster.startup import pods_of
from flowenv_dask_k8s.spec.resources import CLUSTERS
from flowenv_k8s.plugin import Client

_log = logging.getLogger("flowenv.dask_k8s")

NEWS = 10.0
"""Seconds for Kubernetes to tell what became of a container; a kubelet needs 1 to 2, when it is
not busy."""
_ANSWER = 3.0
"""Seconds for a scheduler to say its id."""
_PAUSE = 0.25


class SchedulerWatch:
    """Knows the scheduler of a run, and finds out what became of it.

    Args:
        client: the connection to Kubernetes.
        plan: the cluster.
        pod: the scheduler's pod, as it was when the scheduler was up.
        dask: the cluster that Dask's clients connect to.
    """

    def __init__(
        self, client: Client, plan: ClusterPlan, pod: Mapping[str, Any], dask: Any
    ) -> None:
        self._client, self._plan, self._pod, self._dask = client, plan, pod, dask
        self._id = connection.scheduler_id(dask, _ANSWER)

    def why_lost(self, error: Exception) -> PlatformError | None:
        """What became of the scheduler; None if it is there.

        The scheduler itself is asked first, so that a flow that fails by itself isn't held up.
        If it doesn't answer, or another one does, Kubernetes is asked, until it knows.

        Args:
            error: what made somebody ask.
        """
        found = connection.scheduler_id(self._dask, _ANSWER)
        if found is not None and found == self._id:
            return self._cut_off() if connection.is_cut_off(error, answers=True) else None
        end = time.monotonic() + NEWS
        while True:
            if (lost := self.look()) or time.monotonic() > end:
                break
            time.sleep(_PAUSE)
        if lost is not None:
            return lost
        if found is not None:
            return diagnosis.lost(self._name, "another one has taken its place")
        return self._cut_off() if connection.is_cut_off(error, answers=False) else None

    @property
    def _name(self) -> str:
        return str(self._pod["metadata"]["name"])

    def look(self) -> PlatformError | None:
        """What Kubernetes says by now; None if it is there, or nothing can be seen."""
        space = self._plan.namespace
        try:
            cluster = self._client.get(CLUSTERS, space, self._plan.name)
            pods = pods_of(self._client, self._plan, "scheduler")
        except FlowenvError as error:
            _log.debug("The scheduler can't be looked at: %s", error)
            return None
        return diagnosis.why_lost(self._pod, pods, cluster)

    def _cut_off(self) -> PlatformError:
        return diagnosis.cut_off(self._name)
