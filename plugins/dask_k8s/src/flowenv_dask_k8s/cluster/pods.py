"""A run's Dask cluster, made by the run itself: a child process, and plain pods that speak TLS."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from flowenv.errors import FlowenvError, PlatformError
from flowenv.plugin import Reason, contract, silenced
from flowenv_dask_k8s.cluster.interface import ClusterPlan
from flowenv_dask_k8s.cluster.rights import check_allowed
from flowenv_dask_k8s.cluster.scheduler_child import SchedulerChild
from flowenv_dask_k8s.cluster.startup import Startup
from flowenv_dask_k8s.cluster.worker_loss import what_they_lack
from flowenv_dask_k8s.cluster.worker_pods import ENOUGH_STARTS, WorkerPods
from flowenv_dask_k8s.spec.permissions import OF_PODS
from flowenv_dask_k8s.spec.tls import FILES, tls_variables
from flowenv_k8s.plugin import Client

_log = logging.getLogger("flowenv.dask_k8s")

_CLOSE = 10.0
"""Seconds for the cluster's connections to be closed."""


class PodsCluster:
    """The scheduler and the workers of one run.

    Args:
        client: the connection to Kubernetes.
        plan: what is to be made.
        run_id: the run.
        say: tells what is going on.
    """

    def __init__(
        self, client: Client, plan: ClusterPlan, run_id: str, say: Callable[[str], object]
    ) -> None:
        self._client, self._plan, self._run_id, self._say = client, plan, run_id, say
        self._scheduler: SchedulerChild | None = None
        self._workers: WorkerPods | None = None
        self._startup: WorkerStartup | None = None
        self._gave_up: PlatformError | None = None
        self._lock = threading.Lock()
        self._missed: list[str] = []
        self.dask: Any = None

    @property
    def forwarded(self) -> str:
        """The pod with the dashboard, and its port."""
        assert self._scheduler
        assert self._plan.here
        return f"pod/{self._plan.here.name} {self._scheduler.dashboard_port}"

    def scheduler_log(self) -> contextlib.AbstractContextManager[None]:
        """Nothing: the child's lines come to this process as they are."""
        return contextlib.nullcontext()

    def open(self) -> None:
        """Make the cluster, and return when its scheduler answers.

        The first workers are asked for before the scheduler is up: they start beside it.

        Raises:
            PlatformError: if it can't be made, or isn't up in time; it says why.
        """
        plan, here = self._plan, self._plan.here
        assert here
        deadline = time.monotonic() + plan.deadline
        self._scheduler = scheduler = SchedulerChild(
            here.address,
            {**plan.variables, **tls_variables(here.certificates)},
            without=(contract.AUTH_TOKEN,),
            has_log=plan.has_log,
            on_end=self._scheduler_ended,
        )
        check_allowed(self._client, plan.namespace, OF_PODS)
        self._workers = workers = WorkerPods(
            self._client,
            plan,
            self._run_id,
            scheduler.address,
            say=self._say,
            on_end=self._worker_ended,
            on_give_up=self._give_up,
        )
        self._startup = WorkerStartup(self._client, plan, self._say, workers)
        workers.start()
        first = [workers.new_name() for _ in range(plan.minimum)]
        for name in first:
            workers.want(name)
        from flowenv_dask_k8s.api import spec_cluster

        security = spec_cluster.security_of(*(f"{here.certificates}/{name}" for name in FILES))
        scheduler.wait_until_up(deadline)
        self.dask = spec_cluster.WorkersCluster(
            scheduler=scheduler.address,
            contact=scheduler.address,
            workers=workers,
            first=first,
            security=security,
            dashboard=f"http://127.0.0.1:{scheduler.dashboard_port}/status",
        )
        with self._lock:
            missed, self._missed = self._missed, []
        for name in missed:
            self.dask.replace(name)
        self.dask.keep_between(plan.minimum, plan.maximum)

    def why_no_worker(self) -> str | None:
        """What the workers that don't join wait for.

        Raises:
            PlatformError: if one of them can't ever run, or if several have failed.
        """
        assert self._startup
        return self._startup.why_no_worker()

    def no_worker(self, seconds: float) -> PlatformError:
        """None has joined in time: the error that says why."""
        assert self._startup
        return self._startup.no_worker(seconds)

    def fault(self, error: Exception) -> PlatformError | None:
        """What is wrong with the cluster that made a flow fail; None if nothing is.

        Args:
            error: what the flow, or what is around it, raised.
        """
        return (
            self._gave_up
            or (self._scheduler.why_lost() if self._scheduler else None)
            or self._why_killed(error)
            or what_they_lack(error)
        )

    def _why_killed(self, error: Exception) -> PlatformError | None:
        from flowenv_dask_k8s.api import connection

        last = self._workers.last_failure if self._workers else None
        if last is None or not connection.is_killed_worker(error):
            return None
        message = f"Workers died again and again. {last.message.rstrip('.')}. {error}"
        return PlatformError(message, hint=last.hint, reason=last.reason)

    def close(self) -> None:
        """Remove the workers and end the scheduler, however far this has come."""
        with silenced():  # Dask would warn of the scheduler that we take away
            if self._workers:
                self._remove(self._workers)
            if self._scheduler:
                self._scheduler.stop()

    def _remove(self, workers: WorkerPods) -> None:
        began = time.monotonic()
        workers.begin_to_close()
        self._close_dask()
        try:
            workers.close()
        except FlowenvError as error:
            _log.warning(
                "Workers may be left behind; they end by themselves, and go with the Job: %s", error
            )
        else:
            self._say(f"The workers are gone, after {time.monotonic() - began:.1f} s.")

    def _close_dask(self) -> None:
        if self.dask is None:
            return
        from flowenv_dask_k8s.api import spec_cluster

        try:
            spec_cluster.close(self.dask, _CLOSE)
        except Exception as error:  # only this process's connections are left
            _log.debug("The connection to the cluster can't be closed: %r", error)

    # -- what happens meanwhile, in threads --------------------------------------------------

    def _scheduler_ended(self) -> None:
        if self.dask is not None:
            self.dask.scheduler_is_gone()

    def _worker_ended(self, name: str) -> None:
        with self._lock:
            if self.dask is None:
                self._missed.append(name)
                return
        self.dask.replace(name)

    def _give_up(self, error: PlatformError) -> None:
        """No worker is left, and none comes: end the flow's waiting, which nothing else would."""
        self._gave_up = error
        if self._scheduler:
            self._scheduler.stop()
            self._scheduler_ended()


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
