"""A run's Dask cluster, made by the Dask operator from a DaskCluster object of ours."""

from __future__ import annotations

import contextlib
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from flowenv.errors import FlowenvError, PlatformError, RunConflict
from flowenv.plugin import has_dashboard, silenced
from flowenv_dask_k8s.api import kube_cluster
from flowenv_dask_k8s.cluster import diagnosis
from flowenv_dask_k8s.cluster.interface import ClusterPlan, RunCluster
from flowenv_dask_k8s.cluster.missing_modules import what_they_lack
from flowenv_dask_k8s.cluster.operator import heartbeat
from flowenv_dask_k8s.cluster.operator.removal import OPERATORS_TURN, remove
from flowenv_dask_k8s.cluster.operator.scheduler_loss import SchedulerWatch
from flowenv_dask_k8s.cluster.operator.worker_loss import why_died
from flowenv_dask_k8s.cluster.rights import check_allowed
from flowenv_dask_k8s.cluster.scheduler_log import relay_log
from flowenv_dask_k8s.cluster.startup import Startup
from flowenv_dask_k8s.cluster.way_in.forwarded_ports import WayIn
from flowenv_dask_k8s.spec.dask_pods import DASHBOARD_PORT
from flowenv_dask_k8s.spec.permissions import CONNECTING, FORWARDING
from flowenv_dask_k8s.spec.resources import ATTEMPT, AUTOSCALERS, CLUSTERS, GROUP, VERSION
from flowenv_k8s.plugin import (
    SECRETS,
    Client,
    Refused,
    Resource,
    create_once,
    is_owned_by,
    is_the_same,
    run_of,
    secret_manifest,
)

_log = logging.getLogger("flowenv.dask_k8s")

_TURN_WITH_SCHEDULER = 1.0
"""Seconds for the operator to end what it asks a scheduler that was up.

If the scheduler's service vanishes in between, the operator looks for it in a loop that blocks it
for all clusters, for more than three minutes (dask-kubernetes 2026.3, `is_comm_open`).
"""
_CLOSE = 5.0
"""Seconds for the connections to be closed."""


class OperatorCluster(RunCluster):
    """The DaskCluster of one run. The operator makes scheduler and workers from it."""

    def __init__(
        self, client: Client, plan: ClusterPlan, run_id: str, say: Callable[[str], object]
    ) -> None:
        super().__init__(client, plan, run_id, say)
        self._attempt = uuid.uuid4().hex
        self._startup = Startup(client, plan, say)
        self._heartbeat = heartbeat.Heartbeat(client, plan.namespace, plan.name)
        self._may_exist = self._may_adapt = False
        self._pod: Mapping[str, Any] = {}
        self._watch: SchedulerWatch | None = None
        self._way: WayIn | None = None

    @property
    def forwarded(self) -> str:
        """The scheduler's service, and the dashboard's port."""
        return f"service/{self._plan.name}-scheduler {DASHBOARD_PORT}"

    def has_dashboard(self, client: Any) -> bool:
        """Whether there is a dashboard that shows something."""
        return has_dashboard(client)

    def scheduler_log(self) -> contextlib.AbstractContextManager[None]:
        """Has the scheduler's log in the run's while the block lasts, if that is asked for."""
        if not self._plan.has_log:
            return contextlib.nullcontext()
        return relay_log(self._client, self._pod)

    def open(self) -> None:
        """Make the cluster, and return when its scheduler answers.

        Raises:
            PlatformError: if it can't be made, or isn't up in time; it says why.
        """
        kube_cluster.load()
        further = () if self._plan.is_inside else FORWARDING
        check_allowed(self._client, self._plan.namespace, (*CONNECTING, *further))
        self._say(f"Making the DaskCluster {self._plan.name}.")
        self._may_exist = True
        made = self._create()
        if not self._plan.owner:
            self._heartbeat.start()
        self._startup = Startup(self._client, self._plan, self._say)
        if self._plan.secret:
            self._create_secret(made)
        self._pod = self._startup.wait_for_scheduler()
        plan = self._plan
        left = max(plan.deadline - self._startup.seconds, 1.0)
        ports = None if plan.is_inside else self._make_way()
        self.dask = kube_cluster.connect(plan.name, plan.namespace, left, ports)
        self._watch = SchedulerWatch(self._client, plan, self._pod, self.dask)
        if plan.maximum > plan.minimum:
            self._may_adapt = True
            self._create_autoscaler(made)

    def _make_way(self) -> tuple[int, int]:
        """Ports of this machine that lead to the scheduler and to its dashboard."""
        where = (self._plan.namespace, str(self._pod["metadata"]["name"]))
        self._way = WayIn(self._client, *where, self._is_scheduler_gone)
        self._way.outlast_cuts(str(self._pod["status"]["podIP"]), None)
        return self._way.port, self._way.dashboard

    def _is_scheduler_gone(self) -> bool:
        return self._watch is not None and self._watch.look() is not None

    def why_no_worker(self) -> str | None:
        """What the workers that don't join wait for.

        Raises:
            PlatformError: if one of them can't ever run.
        """
        return self._startup.why_no_worker()

    def no_worker(self, seconds: float) -> PlatformError:
        """None has joined in time: the error that says why."""
        return self._startup.no_worker(seconds)

    def fault(self, error: Exception) -> PlatformError | None:
        """What is wrong with the cluster that made a flow fail; None if nothing is.

        Args:
            error: what the flow, or what is around it, raised.
        """
        return (
            (self._watch.why_lost(error) if self._watch else None)
            or why_died(error, self._client, self._plan)
            or what_they_lack(error)
        )

    def close(self) -> None:
        """Remove the cluster, however far it has come, and wait until it is gone."""
        if not self._may_exist:
            return
        self._heartbeat.stop()
        self._say(f"Removing the DaskCluster {self._plan.name}.")
        began = time.monotonic()
        with silenced():  # Dask would warn of the scheduler that we take away
            try:
                self._delete()
            except FlowenvError as error:
                _log.warning("The DaskCluster %s may be left behind: %s", self._plan.name, error)
            else:
                seconds = time.monotonic() - began
                self._say(f"The DaskCluster {self._plan.name} is gone, after {seconds:.1f} s.")
            self._disconnect()

    def _disconnect(self) -> None:
        try:
            if self.dask is not None:
                kube_cluster.close(self.dask, _CLOSE)
        except Exception as error:  # it is gone; only this process's connections are left
            _log.debug("The connection to the cluster can't be closed: %r", error)
        if self._way:
            self._way.close()

    # -- making -----------------------------------------------------------------------------

    def _create(self) -> dict[str, Any]:
        manifest = self._manifest()
        try:
            return self._client.create(CLUSTERS, manifest)
        except Refused as refused:
            found = self._get()
            if found is not None and self._is_own(found) and is_the_same(found, manifest):
                return found  # the answer to the first try was lost
            if found is None or not self._is_of_run(found):
                self._may_exist = False  # that one is nothing to remove, or to speak of
                raise _conflict(self._plan) from refused
            self._say("Removing the cluster of an earlier attempt.")
            self._remove_earlier(found)
            return self._client.create(CLUSTERS, manifest)
        except FlowenvError as error:
            raise operator_is_missing(error) or error from error.__cause__

    def _remove_earlier(self, found: Mapping[str, Any]) -> None:
        autoscaler = self._get(AUTOSCALERS)
        if autoscaler is not None and is_owned_by(autoscaler, _owner(found)):
            # it would go a while after its cluster, and have the name until then
            remove(self._client, AUTOSCALERS, autoscaler, _TURN_WITH_SCHEDULER)
        remove(self._client, CLUSTERS, found, _TURN_WITH_SCHEDULER)

    def _manifest(self) -> dict[str, Any]:
        given = self._plan.manifest
        metadata = dict(given["metadata"])
        notes = {**(metadata.get("annotations") or {}), ATTEMPT: self._attempt}
        if self._plan.owner:
            metadata["ownerReferences"] = [dict(self._plan.owner)]
        else:
            notes |= heartbeat.mark()
        metadata["annotations"] = notes
        return {**given, "metadata": metadata}

    def _create_secret(self, made: Mapping[str, Any]) -> None:
        assert self._plan.secret
        secret = secret_manifest(self._plan.secret)
        secret["metadata"] = {**secret["metadata"], "ownerReferences": [_owner(made)]}
        create_once(self._client, SECRETS, {**secret, "immutable": True})

    def _create_autoscaler(self, made: Mapping[str, Any]) -> None:
        """What KubeCluster.adapt makes, but with the run's labels."""
        plan = self._plan
        manifest = {
            "apiVersion": AUTOSCALERS.api_version,
            "kind": AUTOSCALERS.kind,
            "metadata": {
                "name": plan.name,
                "namespace": plan.namespace,
                "labels": plan.labels,
                "ownerReferences": [_owner(made)],
            },
            "spec": {"cluster": plan.name, "minimum": plan.minimum, "maximum": plan.maximum},
        }
        create_once(self._client, AUTOSCALERS, manifest)

    # -- removing ---------------------------------------------------------------------------

    def _delete(self) -> None:
        if self._may_adapt and (autoscaler := self._get(AUTOSCALERS)):
            # before the scheduler, for which the operator else waits, and then for long; also
            # when the cluster is gone already, with its Job
            remove(self._client, AUTOSCALERS, autoscaler, self._turn)
        found = self._get()
        if found is not None and self._is_own(found):
            remove(self._client, CLUSTERS, found, self._turn)

    @property
    def _turn(self) -> float:
        return _TURN_WITH_SCHEDULER if self._pod else OPERATORS_TURN

    def _get(self, resource: Resource = CLUSTERS) -> dict[str, Any] | None:
        return self._client.get(resource, self._plan.namespace, self._plan.name)

    def _is_of_run(self, found: Mapping[str, Any]) -> bool:
        """Whether an earlier attempt of this run made it: labels can be copied, a Job can't."""
        owner = self._plan.owner
        return owner is not None and run_of(found) == self._run_id and is_owned_by(found, owner)

    def _is_own(self, found: Mapping[str, Any]) -> bool:
        notes = found["metadata"].get("annotations") or {}
        return bool(notes.get(ATTEMPT) == self._attempt)


def _owner(made: Mapping[str, Any]) -> dict[str, Any]:
    metadata = made["metadata"]
    return {
        "apiVersion": CLUSTERS.api_version,
        "kind": CLUSTERS.kind,
        "name": metadata["name"],
        "uid": metadata["uid"],
    }


def check_operator(client: Client) -> None:
    """Check that the operator's resource types are there.

    Raises:
        PlatformError: if they aren't, with the line that installs them.
    """
    try:
        client.read(f"/apis/{GROUP}/{VERSION}")
    except FlowenvError as error:
        if missing := operator_is_missing(error):
            raise missing from error.__cause__
        _log.debug("Whether there is a Dask operator can't be seen: %s", error)


def operator_is_missing(error: FlowenvError) -> PlatformError | None:
    """What to say instead of an error that comes from missing resource types; else None."""
    cause = error.__cause__
    if not isinstance(cause, Refused) or cause.code != 404 or 'namespaces "' in cause.message:
        return None
    return diagnosis.operator_missing(f"it has no resource type DaskCluster ({GROUP}/{VERSION}).")


def _conflict(plan: ClusterPlan) -> RunConflict:
    return RunConflict(
        f"The DaskCluster {plan.name} in the namespace {plan.namespace} is already there, and "
        "isn't this run's."
    )
