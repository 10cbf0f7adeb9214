"""While the flow runs: why no worker comes where there is none, said; and the end if none can."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any

from flowenv.errors import FlowenvError, PlatformError
from flowenv.plugin import OUTAGES
from flowenv_dask_k8s.cluster import diagnosis
from flowenv_dask_k8s.cluster.interface import ClusterPlan
from flowenv_dask_k8s.cluster.pods.workers import WorkerPods
from flowenv_dask_k8s.cluster.startup import Startup
from flowenv_k8s.plugin import Client

_log = logging.getLogger("flowenv.dask_k8s")

_LOOK = 3.0
"""Seconds between two looks."""


class Shortage(Startup):
    """Looks, in a thread, for what workers wait for that are to be there, when none is.

    Args:
        client: the connection.
        plan: the cluster.
        say: tells what they wait for.
        workers: the workers.
        joined: gives how many of them the scheduler has.
        on_give_up: called with the error when none can come any more.
    """

    def __init__(
        self,
        client: Client,
        plan: ClusterPlan,
        say: Callable[[str], object],
        workers: WorkerPods,
        *,
        joined: Callable[[], int],
        on_give_up: Callable[[PlatformError], object],
    ) -> None:
        super().__init__(client, plan, say)
        self._workers, self._joined, self._on_give_up = workers, joined, on_give_up
        self._over = threading.Event()

    def start(self) -> None:
        """Begin; the first worker of those that are always there is awaited by others."""
        threading.Thread(target=self._run, name="look-after-workers", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def _run(self) -> None:
        has_begun = self._plan.minimum == 0
        while not self._over.wait(_LOOK):
            if self._joined():
                has_begun = True
            elif has_begun:
                self.look()

    def look(self) -> None:
        """Say what the workers wait for; give up if they wait in vain."""
        if not self._workers.is_any_expected():
            return
        try:
            if self._workers.refusal:
                raise self._workers.refusal
            with contextlib.suppress(*OUTAGES):
                self.why_no_worker()
        except PlatformError as error:
            if not self._over.is_set():
                self._over.set()
                self._on_give_up(error)
        except FlowenvError as error:
            _log.debug("Why there is no worker can't be seen: %s", error)

    def pods(self, component: str) -> list[dict[str, Any]]:
        """The workers' pods that aren't over; those that are have been spoken of."""
        return [pod for pod in self._workers.pods() if diagnosis.is_alive(pod)]

    def told_of_makers(self, part: str) -> Any:
        """What kept the last pod from being made."""
        return self._workers.problem
