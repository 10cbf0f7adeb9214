"""Why the workers that a run has made itself don't join."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowenv.plugin import Reason
from flowenv_dask_k8s.cluster.interface import ClusterPlan
from flowenv_dask_k8s.cluster.pods.workers import ENOUGH_STARTS, WorkerPods
from flowenv_dask_k8s.cluster.startup import Startup
from flowenv_k8s.plugin import Client


class WorkerStartup(Startup):
    """Looks at the workers that a run has made itself."""

    def __init__(
        self, client: Client, plan: ClusterPlan, say: Callable[[str], object], workers: WorkerPods
    ) -> None:
        super().__init__(client, plan, say)
        self._workers = workers

    def why_no_worker(self) -> str | None:
        """What the workers wait for, if they wait for anything.

        Raises:
            FlowenvError: if none can be made, one can't ever run, or several have failed.
        """
        workers = self._workers
        if workers.refusal:
            raise workers.refusal
        if workers.last_failure and workers.failures >= ENOUGH_STARTS:
            raise workers.last_failure
        return super().why_no_worker()

    def pods(self, component: str) -> list[dict[str, Any]]:
        """The workers' pods, which are watched anyway."""
        return self._workers.pods()

    def told_of_makers(self, part: str) -> tuple[Reason, str] | None:
        """What kept the last pod from being made."""
        return self._workers.problem
