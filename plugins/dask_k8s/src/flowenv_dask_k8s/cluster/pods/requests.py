"""What is asked of Kubernetes for a run's workers: pods made, removed and listed."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from flowenv.errors import FlowenvError, PlatformError
from flowenv.plugin import Patience, Reason, State, Status
from flowenv_dask_k8s.cluster import diagnosis
from flowenv_dask_k8s.cluster.interface import ClusterPlan
from flowenv_dask_k8s.spec.pods_manifest import COMPONENT, numbered_worker
from flowenv_dask_k8s.spec.resources import ATTEMPT
from flowenv_k8s.plugin import (
    PODS,
    RUN_ID,
    Client,
    Refused,
    explain,
    is_owned_by,
    is_refused_for_good,
)

GONE = 25.0
"""Seconds for removed pods to be gone, outages apart."""


class WorkerRequests:
    """Makes and removes the pods of one attempt of a run.

    Args:
        client: the connection.
        plan: the cluster.
        run_id: the run.
        scheduler: the scheduler's address for workers.
    """

    def __init__(self, client: Client, plan: ClusterPlan, run_id: str, scheduler: str) -> None:
        self._client, self._plan, self._scheduler = client, plan, scheduler
        self.attempt = uuid.uuid4().hex[:4]
        self.selector = f"{RUN_ID}={run_id},{COMPONENT}=worker"

    def create(self, name: str) -> str:
        """Make a worker's pod, or find the one that was made without an answer; its UID.

        Raises:
            FlowenvError: if it is refused, or nobody answers.
        """
        plan, owner = self._plan, self._plan.owner
        manifest = numbered_worker(
            plan.manifest, name, scheduler=self._scheduler, attempt=self.attempt, owner=owner
        )
        try:
            made = self._client.create(PODS, manifest)
        except Refused as refused:  # there already: the answer to the first try was lost
            found = self._client.get(PODS, plan.namespace, name)
            is_ours = found is not None and (not owner or is_owned_by(found, owner))
            if found is None or not (is_ours and self._is_own(found)):
                raise refused.error() from refused
            made = found
        return str(made["metadata"]["uid"])

    def find(self, name: str) -> str:
        """The UID of the worker's pod of this name, if it is there; else nothing. Through outages.

        Raises:
            FlowenvError: if that is refused, or nobody answers for long.
        """
        namespace = self._plan.namespace
        found = Patience().through(lambda: self._client.get(PODS, namespace, name))
        return str(found["metadata"]["uid"]) if found and self._is_own(found) else ""

    def delete(self, name: str, uid: str) -> None:
        """Remove a pod, through outages.

        Raises:
            FlowenvError: if it is refused, or nobody answers for long.
        """
        namespace = self._plan.namespace
        Patience().through(lambda: self._client.delete(PODS, namespace, name, uid=uid))

    def wait_until_gone(self) -> None:
        """Return when no pod of this attempt is there. Outages are waited for.

        Raises:
            FlowenvError: if they can't be listed.
            PlatformError: if some are still there after a while.
        """
        patience, waited, pause = Patience(late="The end of the workers"), 0.0, 0.05
        while left := patience.through(self._left):
            if waited > GONE:
                names = ", ".join(pod["metadata"]["name"] for pod in left)
                raise PlatformError(f"still there after {GONE:g} s: {names}")
            time.sleep(pause)
            waited += pause
            pause = min(pause * 1.5, 1.0)

    def _left(self) -> list[dict[str, Any]]:
        found, _ = self._client.list(PODS, self._plan.namespace, labels=self.selector)
        return [pod for pod in found if self._is_own(pod)]

    def _is_own(self, pod: Mapping[str, Any]) -> bool:
        notes = pod["metadata"].get("annotations") or {}
        return bool(notes.get(ATTEMPT) == self.attempt)


def why_refused(error: FlowenvError) -> tuple[Reason, str]:
    """Why a pod can't be made, as the event of a controller that makes pods would say it."""
    cause = error.__cause__
    words = cause.message if isinstance(cause, Refused) else error.message
    told = explain([{"reason": "FailedCreate", "message": words}])
    assert told
    return told


def refusal_of(error: FlowenvError, told: tuple[Reason, str]) -> FlowenvError:
    """The error of the run for a pod that can't ever be made."""
    if isinstance(error, PlatformError) and not is_refused_for_good(told):
        return error
    waiting = Status(State.STARTING, message="There is no pod")
    return diagnosis.not_started("worker", waiting, told=told)
