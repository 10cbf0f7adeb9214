"""Waiting for a cluster's pods, bounded, with an eye on why they don't come."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from flowenv.errors import FlowenvError, PlatformError
from flowenv.plugin import OUTAGES, Patience, Reason, State, Status
from flowenv_dask_k8s.cluster import diagnosis
from flowenv_dask_k8s.cluster.interface import ClusterPlan
from flowenv_dask_k8s.spec.resources import CLUSTER_LABEL, CLUSTERS, COMPONENT_LABEL
from flowenv_k8s.plugin import (
    EVENTS,
    PODS,
    Client,
    explain,
    is_back_off,
    is_refused_for_good,
    last_lines,
)

_log = logging.getLogger("flowenv.dask_k8s")

OPERATOR_PATIENCE = 60.0
"""Seconds for the operator to begin with a DaskCluster."""
NO_POD = 3.0
"""Seconds without a pod after which the DaskCluster and the events are looked at."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.15, 1.0
_LOG_LINES = 15


class Startup:
    """Looks at one cluster's pods until they run or can't.

    Args:
        client: the connection.
        plan: the cluster.
        say: tells what is waited for; called when that changes.
    """

    def __init__(self, client: Client, plan: ClusterPlan, say: Callable[[str], object]) -> None:
        self._client = client
        self._plan = plan
        self._say = say
        self._began = time.monotonic()
        self._next_look = NO_POD
        self._said = ""
        self._waits: tuple[str, Reason | None] = ("", None)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    def wait_for_scheduler(self) -> Mapping[str, Any]:
        """Wait until the scheduler's pod is ready, and return it.

        Raises:
            PlatformError: if it can't run, or isn't ready in time; with the pod's reason,
                its events and the end of its log.
        """
        patience, pause = Patience(), _FIRST_PAUSE
        while True:
            try:
                if pod := self._ready_scheduler():
                    return pod
                patience.succeeded()
                time.sleep(min(pause, max(self._plan.deadline - self.seconds, 0.01)))
                pause = min(pause * 1.25, _LONGEST_PAUSE)
            except OUTAGES as error:
                wait = patience.failed(error)
                if patience.is_over:
                    raise
                if patience.outage:
                    self._tell(patience.outage)
                time.sleep(wait)

    def _ready_scheduler(self) -> Mapping[str, Any] | None:
        """The scheduler's pod if it is ready; None if it is worth to wait for it."""
        pod = diagnosis.newest(self.pods("scheduler"))
        if pod is not None and diagnosis.is_ready(pod):
            return pod
        if pod is None:
            self.without_pod()
        else:
            self.with_pod(pod)
        return None

    def with_pod(self, pod: Mapping[str, Any]) -> None:
        """Look at a scheduler's pod that isn't ready.

        Raises:
            PlatformError: if waiting doesn't help.
        """
        status = diagnosis.standing(pod)
        if status.state is State.CRASHED:
            raise self.error("scheduler", pod, status)
        if self.seconds > self._plan.deadline:
            raise self.error("scheduler", pod, status, self._plan.deadline)
        if status.reason:
            self._tell_wait("The scheduler", status)

    def without_pod(self) -> None:
        """Look for what keeps the scheduler's pod from being there.

        Raises:
            PlatformError: if waiting doesn't help.
        """
        deadline, seconds = self._plan.deadline, self.seconds
        if seconds < self._next_look and seconds <= deadline:
            return
        self._next_look = seconds + NO_POD
        phase = self._phase()
        if phase == "Error":
            raise diagnosis.operator_refuses(self._plan.name)
        if phase is None and seconds > min(OPERATOR_PATIENCE, deadline):
            raise diagnosis.operator_silent(self._plan.name, seconds)
        if phase is None:
            self._tell("The Dask operator hasn't answered yet.")
            return
        told = self.told_of_makers("scheduler")
        waiting = Status(State.STARTING, message="It has no pod")
        if told and is_refused_for_good(told):
            raise diagnosis.not_started("scheduler", waiting, told=told)
        if seconds > deadline:
            raise diagnosis.not_started("scheduler", waiting, seconds=deadline, told=told)
        if told:
            self._tell(f"The scheduler has no pod: {told[1]}")

    def why_no_worker(self) -> str | None:
        """What the workers wait for, if they wait for anything.

        Raises:
            PlatformError: if one of them can't ever run.
        """
        pods = self.pods("worker")
        for pod in pods:
            status = diagnosis.standing(pod)
            if status.state is State.CRASHED:
                raise self.error("worker", pod, status)
            if status.reason:
                told = self._told_of(pod)
                words = diagnosis.not_started(_named("worker", pod), status, told=told)
                self._tell_wait("A worker", status)
                return words.message
        if not pods and (told := self.told_of_makers("default-worker")):
            if is_refused_for_good(told):
                waiting = Status(State.STARTING, message="There is no pod")
                raise diagnosis.not_started("worker", waiting, told=told)
            self._tell(f"There is no worker: {told[1]}")
            return told[1]
        return None

    def no_worker(self, seconds: float) -> PlatformError:
        """None has joined in time: the error, with the first worker's reason and events."""
        pod = diagnosis.newest(self.pods("worker"))
        if pod is not None:
            return self.error("worker", pod, diagnosis.standing(pod), seconds)
        waiting = Status(State.STARTING, message="There is no pod")
        told = self.told_of_makers("default-worker")
        return diagnosis.not_started("worker", waiting, seconds=seconds, told=told)

    def pods(self, component: str) -> list[dict[str, Any]]:
        """The cluster's pods of a kind: `scheduler` or `worker`."""
        return pods_of(self._client, self._plan, component)

    # -- asking for more --------------------------------------------------------------------

    def _phase(self) -> str | None:
        found = self._client.get(CLUSTERS, self._plan.namespace, self._plan.name)
        if found is None:
            raise PlatformError(
                f"The DaskCluster {self._plan.name} was deleted while it was being made.",
                reason=Reason.LOST,
            )
        return (found.get("status") or {}).get("phase")

    def error(
        self, what: str, pod: Mapping[str, Any], status: Status, seconds: float | None = None
    ) -> PlatformError:
        """A pod that doesn't run, as the error of the run, with its events and its log."""
        return diagnosis.not_started(
            _named(what, pod),
            status,
            seconds=seconds,
            told=self._told_of(pod),
            log=self._log_of(pod) if status.reason is Reason.START_ERROR else (),
        )

    def _told_of(self, pod: Mapping[str, Any]) -> tuple[Reason, str] | None:
        return self.explained(fields=f"involvedObject.uid={pod['metadata']['uid']}")

    def told_of_makers(self, part: str) -> tuple[Reason, str] | None:
        """What those say who make the pods of a part of the cluster, if they can't."""
        return self.explained(
            fields="involvedObject.kind=ReplicaSet", prefix=f"{self._plan.name}-{part}-"
        )

    def explained(self, *, fields: str, prefix: str = "") -> tuple[Reason, str] | None:
        """What events say: of the objects that fields select, and whose names begin so."""
        try:
            found, _ = self._client.list(EVENTS, self._plan.namespace, fields=fields)
        except FlowenvError as error:  # they only explain, and not everybody may see them
            _log.debug("No events: %s", error)
            return None
        return explain(
            one for one in found if str(one["involvedObject"].get("name")).startswith(prefix)
        )

    def _log_of(self, pod: Mapping[str, Any]) -> list[str]:
        """The last lines of a container that ends again and again."""
        metadata = pod["metadata"]
        container = pod["spec"]["containers"][0]["name"]
        where = (metadata["namespace"], metadata["name"], container)
        return last_lines(self._client, *where, _LOG_LINES)

    def _tell_wait(self, what: str, status: Status) -> None:
        waits = (what, status.reason)
        # the kubelet says by turns that an image can't be pulled and that it holds off
        if waits != self._waits or not is_back_off(status):
            self._tell(f"{what} waits: {status.message}")
        self._waits = waits

    def _tell(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._say(text)


def _named(what: str, pod: Mapping[str, Any]) -> str:
    return f"{what} {pod['metadata']['name']}"


def pods_of(client: Client, plan: ClusterPlan, component: str) -> list[dict[str, Any]]:
    """A cluster's pods of a kind: `scheduler` or `worker`."""
    labels = f"{CLUSTER_LABEL}={plan.name},{COMPONENT_LABEL}={component}"
    return client.list(PODS, plan.namespace, labels=labels)[0]
