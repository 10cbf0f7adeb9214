"""The scheduler in a pod of its own, whose Job owns all else: for a flow outside of the cluster."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from flowenv.errors import FlowenvError, PlatformError
from flowenv.plugin import Reason, State, Status
from flowenv_dask_k8s.api import connection
from flowenv_dask_k8s.cluster import diagnosis
from flowenv_dask_k8s.cluster.interface import ClusterPlan
from flowenv_dask_k8s.cluster.scheduler_log import relay_log
from flowenv_dask_k8s.cluster.startup import NO_POD, Startup
from flowenv_dask_k8s.cluster.way_in.forwarded_ports import WayIn
from flowenv_dask_k8s.spec.dask_pods import COMM_PORT, DASHBOARD_PORT
from flowenv_dask_k8s.spec.pods_manifest import COMPONENT
from flowenv_dask_k8s.spec.tls import FILES
from flowenv_k8s.plugin import (
    HINTS,
    JOBS,
    PODS,
    RUN_ID,
    SECRETS,
    Client,
    Refused,
    create_once,
    is_refused_for_good,
    run_of,
    secret_manifest,
)

_NEWS = 10.0
"""Seconds for Kubernetes to tell what became of a pod."""
_ANSWER = 5.0
"""Seconds for a scheduler to greet."""
_POLL = 0.2


class SchedulerJob:
    """The Job, its pod, and the way to it.

    Args:
        client: the connection to Kubernetes.
        plan: the cluster.
        run_id: the run.
        say: tells what is waited for.
    """

    dashboard_port = DASHBOARD_PORT

    def __init__(
        self, client: Client, plan: ClusterPlan, run_id: str, say: Callable[[str], object]
    ) -> None:
        assert plan.scheduler
        self._client, self._plan, self._run_id = client, plan, run_id
        self._manifest = plan.scheduler
        self._startup = _SchedulerStartup(client, plan, say, self._pods)
        self._way: WayIn | None = None
        self._made: Mapping[str, Any] | None = None
        self._pod: Mapping[str, Any] = {}

    @property
    def owner(self) -> dict[str, Any]:
        """The ownerReference of all that goes with the Job."""
        assert self._made
        metadata = self._made["metadata"]
        kind = {"apiVersion": JOBS.api_version, "kind": JOBS.kind}
        return {**kind, "name": metadata["name"], "uid": metadata["uid"]}

    @property
    def pod(self) -> str:
        """The pod's name, once it runs."""
        return str(self._pod["metadata"]["name"])

    @property
    def contact(self) -> str:
        """Where the workers reach it."""
        address = str(self._pod["status"]["podIP"])
        host = f"[{address}]" if ":" in address else address
        return f"tls://{host}:{COMM_PORT}"

    @property
    def address(self) -> str:
        """Where this process reaches it."""
        return f"tls://127.0.0.1:{self._way.port}" if self._way else self.contact

    @property
    def dashboard(self) -> str:
        """The dashboard's address, for this machine or for its pod."""
        port = self._way.dashboard if self._way else DASHBOARD_PORT
        return f"http://127.0.0.1:{port}/status"

    def make(self) -> None:
        """Make the Job, and the Secret that it owns.

        Raises:
            FlowenvError: if Kubernetes refuses one of them.
        """
        try:
            self._made = self._client.create(JOBS, self._manifest)
        except Refused as refused:  # there already: the answer to the first try was lost
            metadata = self._manifest["metadata"]
            found = self._client.get(JOBS, metadata["namespace"], metadata["name"])
            template = (found or {"spec": {"template": {"metadata": {}}}})["spec"]["template"]
            if found is None or run_of(template) != self._run_id:
                raise refused.error() from refused
            self._made = found
        if not self._plan.secret:
            return
        secret = secret_manifest(self._plan.secret)
        secret["metadata"] = {**secret["metadata"], "ownerReferences": [self.owner]}
        create_once(self._client, SECRETS, {**secret, "immutable": True})

    def wait_until_up(self) -> None:
        """Wait until the pod runs, and make the way to it.

        Raises:
            PlatformError: if it can't run, or doesn't in time; with its reason.
        """
        self._pod = self._startup.wait_for_scheduler()
        if not self._plan.is_inside:
            where = (self._plan.namespace, self.pod)
            self._way = WayIn(self._client, *where, lambda: self._look() is not None)
        from flowenv_dask_k8s.api import spec_cluster

        own = [self._plan.certificates[name].reveal() for name in FILES]
        security = spec_cluster.security_of(*own)
        self._wait_until_it_listens(security)
        if self._way:
            self._way.outlast_cuts(str(self._pod["status"]["podIP"]), security)

    def _wait_until_it_listens(self, security: Any) -> None:
        host = "127.0.0.1" if self._way else str(self._pod["status"]["podIP"])
        port = self._way.port if self._way else COMM_PORT
        while not connection.answers(host, port, security, _ANSWER):
            if self._startup.seconds > self._plan.deadline:
                raise diagnosis.silent_scheduler(self.pod, self._startup.seconds)
            if pod := diagnosis.newest(self._pods()):
                self._startup.with_pod(pod)
            time.sleep(_POLL)

    def log(self) -> contextlib.AbstractContextManager[None]:
        """Has the log in the run's while the block lasts, if that is asked for."""
        has_log = self._plan.has_log
        return relay_log(self._client, self._pod) if has_log else contextlib.nullcontext()

    def why_lost(self, error: Exception) -> PlatformError | None:
        """What became of it while the flow ran; None if it is there, as far as can be seen.

        Args:
            error: what made somebody ask.
        """
        is_cut_off = connection.is_cut_off(error, answers=False)
        end = time.monotonic() + (_NEWS if is_cut_off else 0)
        while True:
            if lost := self._look():
                return lost
            if time.monotonic() > end:
                return diagnosis.cut_off(self.pod) if is_cut_off else None
            time.sleep(_POLL)

    def _look(self) -> PlatformError | None:
        """What Kubernetes says by now."""
        name = self.pod
        try:
            pods = [one for one in self._pods() if one["metadata"]["name"] == name]
        except FlowenvError:
            return None
        if not pods:
            return diagnosis.lost(name, "its pod was deleted")
        if diagnosis.is_alive(pods[0]):
            return None
        status, _ = diagnosis.worker_end(pods[0])
        hint = status.hint or HINTS[Reason.LOST]
        return diagnosis.lost(name, status.message, status.reason or Reason.LOST, hint)

    def stop(self) -> None:
        """Remove the Job with all that it owns.

        Raises:
            FlowenvError: if that can't be done.
        """
        if self._way:
            self._way.close()
        if self._made:
            metadata = self._made["metadata"]
            where = (metadata["namespace"], metadata["name"])
            self._client.delete(JOBS, *where, uid=metadata["uid"])
            end = time.monotonic() + _NEWS
            while self._pods() and time.monotonic() < end:
                time.sleep(_POLL)

    def _pods(self) -> list[dict[str, Any]]:
        labels = f"{RUN_ID}={self._run_id},{COMPONENT}=scheduler"
        return self._client.list(PODS, self._plan.namespace, labels=labels)[0]


class _SchedulerStartup(Startup):
    """Looks at the scheduler's pod until it runs or can't."""

    def __init__(
        self,
        client: Client,
        plan: ClusterPlan,
        say: Callable[[str], object],
        pods: Callable[[], list[dict[str, Any]]],
    ) -> None:
        super().__init__(client, plan, say)
        self._list_pods = pods

    def pods(self, component: str) -> list[dict[str, Any]]:
        """The scheduler's pods: one, or none yet."""
        return self._list_pods()

    def with_pod(self, pod: Mapping[str, Any]) -> None:
        """Look at the pod, which nobody starts again.

        Raises:
            PlatformError: if waiting doesn't help.
        """
        if not diagnosis.is_alive(pod):
            raise self.error("scheduler", pod, diagnosis.worker_end(pod)[0])
        super().with_pod(pod)

    def without_pod(self) -> None:
        """Look for what keeps the Job from having a pod.

        Raises:
            PlatformError: if waiting doesn't help.
        """
        if self.seconds < NO_POD:
            return
        told = self.told_of_makers("scheduler")
        deadline = self._plan.deadline
        is_late = self.seconds > deadline
        if is_late or (told and is_refused_for_good(told)):
            waiting = Status(State.STARTING, message="It has no pod")
            seconds = deadline if is_late else None
            raise diagnosis.not_started("scheduler", waiting, seconds=seconds, told=told)

    def told_of_makers(self, part: str) -> tuple[Reason, str] | None:
        """What the Job's controller says."""
        assert self._plan.scheduler
        name = self._plan.scheduler["metadata"]["name"]
        return self.explained(fields=f"involvedObject.kind=Job,involvedObject.name={name}")
