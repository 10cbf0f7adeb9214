"""A run's Dask cluster, made by the run itself: a child process, and plain pods that speak TLS."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from flowenv.errors import FlowenvError, PlatformError
from flowenv.plugin import contract, silenced
from flowenv_dask_k8s.cluster.interface import ClusterPlan, OwnPod, RunCluster
from flowenv_dask_k8s.cluster.missing_modules import what_they_lack
from flowenv_dask_k8s.cluster.pods.scheduler import Scheduler
from flowenv_dask_k8s.cluster.pods.scheduler_child import (
    SchedulerChild,
    is_compiled,
    without_bytecode,
)
from flowenv_dask_k8s.cluster.pods.scheduler_job import SchedulerJob
from flowenv_dask_k8s.cluster.pods.shortage import Shortage
from flowenv_dask_k8s.cluster.pods.startup import WorkerStartup
from flowenv_dask_k8s.cluster.pods.workers import WorkerPods
from flowenv_dask_k8s.cluster.rights import check_allowed
from flowenv_dask_k8s.spec.permissions import FORWARDING, OF_PODS, OF_PODS_HERE
from flowenv_dask_k8s.spec.tls import FILES, tls_variables
from flowenv_k8s.plugin import Client

_log = logging.getLogger("flowenv.dask_k8s")

_CLOSE = 10.0
"""Seconds for the cluster's connections to be closed."""


class PodsCluster(RunCluster):
    """The scheduler and the workers of one run."""

    def __init__(
        self, client: Client, plan: ClusterPlan, run_id: str, say: Callable[[str], object]
    ) -> None:
        super().__init__(client, plan, run_id, say)
        self._scheduler: Scheduler | None = None
        self._workers: WorkerPods | None = None
        self._startup: WorkerStartup | None = None
        self._shortage: Shortage | None = None
        self._gave_up: PlatformError | None = None
        self._lock = threading.Lock()
        self._missed: list[str] = []

    @property
    def forwarded(self) -> str:
        """The pod with the dashboard, and its port."""
        assert self._scheduler
        return f"pod/{self._scheduler.pod} {self._scheduler.dashboard_port}"

    def has_dashboard(self, client: Any) -> bool:
        """Whether there is a dashboard, which is loaded when somebody looks at it."""
        from flowenv_dask_k8s.api.dashboard import offer_dashboard

        return offer_dashboard(client)

    def scheduler_log(self) -> contextlib.AbstractContextManager[None]:
        """Has the scheduler's log in the run's while the block lasts, if that is asked for."""
        assert self._scheduler
        return self._scheduler.log()

    def open(self) -> None:
        """Make the cluster, and return when its scheduler answers.

        Where the scheduler is a child process the first workers are asked for before it is up:
        they start beside it.

        Raises:
            PlatformError: if it can't be made, or isn't up in time; it says why.
        """
        here = self._plan.here
        scheduler = self._start_child(here) if here else self._start_job()
        self._workers = workers = WorkerPods(
            self._client,
            self._plan,
            self._run_id,
            scheduler.contact,
            say=self._say,
            on_end=self._worker_ended,
            on_give_up=self._give_up,
        )
        self._startup = WorkerStartup(self._client, self._plan, self._say, workers)
        workers.start()
        first = [workers.new_name() for _ in range(self._plan.minimum)]
        for name in first:
            workers.want(name)
        if here:
            if is_compiled("asyncio", "distributed"):
                from flowenv_dask_k8s.api import spec_cluster  # noqa: F401  # meanwhile
            # else it is imported afterwards, from the bytecode that the scheduler leaves
            scheduler.wait_until_up()
        self._connect(scheduler, workers, first)

    def _start_child(self, here: OwnPod) -> Scheduler:
        self._scheduler = child = SchedulerChild(
            here,
            {**self._plan.variables, **tls_variables(here.certificates)},
            without=(contract.AUTH_TOKEN, *without_bytecode()),
            seconds=self._plan.deadline,
            has_log=self._plan.has_log,
            on_end=self._scheduler_ended,
        )
        check_allowed(self._client, self._plan.namespace, OF_PODS)
        return child

    def _start_job(self) -> Scheduler:
        further = () if self._plan.is_inside else FORWARDING
        check_allowed(self._client, self._plan.namespace, (*OF_PODS_HERE, *further))
        self._scheduler = job = SchedulerJob(self._client, self._plan, self._run_id, self._say)
        job.make()
        self._plan = dataclasses.replace(self._plan, owner=job.owner)
        job.wait_until_up()
        return job

    def _connect(self, scheduler: Scheduler, workers: WorkerPods, first: list[str]) -> None:
        from flowenv_dask_k8s.api import spec_cluster

        plan = self._plan
        if plan.here:
            own = [f"{plan.here.certificates}/{name}" for name in FILES]
        else:
            own = [plan.certificates[name].reveal() for name in FILES]
        self.dask = spec_cluster.WorkersCluster(
            scheduler=scheduler.address,
            contact=scheduler.contact,
            workers=workers,
            first=first,
            security=spec_cluster.security_of(*own),
            dashboard=scheduler.dashboard,
        )
        with self._lock:
            missed, self._missed = self._missed, []
        for name in missed:
            self.dask.replace(name)
        self.dask.keep_between(plan.minimum, plan.maximum)
        self._shortage = Shortage(
            self._client,
            plan,
            self._say,
            workers,
            joined=lambda: len(self.dask.scheduler_info["workers"]),
            on_give_up=self._give_up,
        )
        self._shortage.start()

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
            or (self._scheduler.why_lost(error) if self._scheduler else None)
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
        if self._shortage:
            self._shortage.stop()
        with silenced():  # Dask would warn of the scheduler that we take away
            if self._workers:
                self._remove(self._workers)
            try:
                if self._scheduler:
                    self._scheduler.stop()
            except FlowenvError as error:
                _log.warning("The scheduler may be left behind; it ends by itself: %s", error)

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
