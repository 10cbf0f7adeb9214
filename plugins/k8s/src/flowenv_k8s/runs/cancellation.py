"""Cancelling a run: its Job is marked, then deleted, until nothing of it is there."""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

from flowenv.errors import FlowenvError, PlatformError
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.refusals import Refused
from flowenv_k8s.api.resources import EVENTS, JOBS, PODS
from flowenv_k8s.runs.diagnosis.events import cancellation
from flowenv_k8s.runs.own_objects import is_owned_by
from flowenv_k8s.runs.tracking import RunTracker
from flowenv_k8s.spec.labels import CANCELLED, FURTHER_PODS, job_of, selector

_log = logging.getLogger("flowenv.k8s")

DEFAULT_GRACE = 30.0
"""Seconds that a pod's containers get to end, unless its manifest says otherwise."""
MARGIN = 30.0
"""Seconds beyond that after which a cancelled run counts as stuck."""
START_GRACE = 5
"""Seconds that a pod gets to end whose containers don't run yet.

The kubelet doesn't take back a start: the container starts and gets SIGTERM, which is lost if it
comes before the process has a handler. It would run on for the whole grace period.
"""


def delete_job(client: Client, tracker: RunTracker, grace: float = DEFAULT_GRACE) -> None:
    """Delete a run's Job, and return when neither it nor a pod of the run is there.

    The Job is marked first: whoever sees the flow stop can tell a cancellation from whatever else
    stops a process.

    Args:
        client: the connection.
        tracker: the run; it is told how its pods ended.
        grace: seconds that the pods' containers get to end.

    Raises:
        PlatformError: if something of it is still there after the grace period.
    """
    where = (tracker.namespace, tracker.name)
    # who may not see whether it worked hears of that before anything is stopped
    found = _pods_of(client, tracker, has_further=False)
    waiting = [pod for pod in found if not _runs(pod)]
    tracker.cancelled()
    has_further = _has_further_pods(_tell_others(client, tracker))
    _end_starts(client, tracker, waiting)
    client.delete(JOBS, *where, uid=tracker.uid, propagation="Foreground")
    end, pause = time.monotonic() + grace + MARGIN, 0.05
    seen: dict[str, Any] = {}
    while True:
        job = client.get(JOBS, *where)
        has_further = has_further or _has_further_pods(job)
        pods = _pods_of(client, tracker, has_further)
        own = (pod for pod in pods if job_of(pod) == tracker.uid)
        seen.update({pod["metadata"]["uid"]: pod for pod in own})
        if not pods and (job is None or job["metadata"]["uid"] != tracker.uid):
            tracker.gone(list(seen.values()))
            return
        if time.monotonic() > end:
            names = ", ".join(pod["metadata"]["name"] for pod in pods) or f"the Job {tracker.name}"
            raise PlatformError(
                f"The run {tracker.marks.run_id} was told to stop, but this is still there: "
                f"{names}.",
                hint="A node may be out of reach; see `kubectl describe pod`.",
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 2.0)


def _pods_of(client: Client, tracker: RunTracker, has_further: bool) -> list[dict[str, Any]]:
    """The run's pods. Labels can be copied by anybody, so its Job owns them.

    Those of the Dask operator it owns by way of a DaskCluster and what the operator makes of that,
    which who submits needn't be allowed to see.
    """
    pods, _ = client.list(PODS, tracker.namespace, labels=selector(run_id=tracker.marks.run_id))
    return [
        pod
        for pod in pods
        if is_owned_by(pod, {"uid": tracker.uid}) or (has_further and _is_of_replica_set(pod))
    ]


def _has_further_pods(job: Mapping[str, Any] | None) -> bool:
    return FURTHER_PODS in ((job or {"metadata": {}})["metadata"].get("annotations") or {})


def _is_of_replica_set(pod: Mapping[str, Any]) -> bool:
    owners = pod["metadata"].get("ownerReferences") or ()
    return any(one.get("controller") and one.get("kind") == "ReplicaSet" for one in owners)


def _runs(pod: Mapping[str, Any]) -> bool:
    status = pod.get("status") or {}
    found = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    return any("running" in (one.get("state") or {}) for one in found)


def _end_starts(client: Client, tracker: RunTracker, pods: Iterable[Mapping[str, Any]]) -> None:
    """Delete the Job's own pods among these, before they would go with the Job."""
    for pod in pods:
        metadata = pod["metadata"]
        own = (pod.get("spec") or {}).get("terminationGracePeriodSeconds", DEFAULT_GRACE)
        if job_of(pod) != tracker.uid or own <= START_GRACE:
            continue
        where = (metadata["namespace"], metadata["name"])
        try:
            client.delete(PODS, *where, uid=metadata["uid"], grace=START_GRACE)
        except FlowenvError as error:  # it goes with the Job
            _log.debug("The pod %s gets its whole grace period: %s", where[1], error)


def _tell_others(client: Client, tracker: RunTracker) -> dict[str, Any] | None:
    """Let those who follow the run know that its Job goes on purpose.

    The mark goes with the Job; the event is there for who hasn't looked until then.

    Returns:
        the Job, if it could be marked.
    """
    marked = None
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    mark = {"metadata": {"uid": tracker.uid, "annotations": {CANCELLED: now}}}
    try:
        marked = client.patch(JOBS, tracker.namespace, tracker.name, mark)
    except FlowenvError as error:
        _log.warning("The Job %s can't be marked as cancelled: %s", tracker.name, error)
    job = {"name": tracker.name, "namespace": tracker.namespace, "uid": tracker.uid}
    try:
        client.create(EVENTS, cancellation(job, tracker.marks.run_id, now))
    except (FlowenvError, Refused) as error:  # they will take it for lost
        _log.debug("No event says that %s is cancelled: %s", tracker.name, error)
    return marked
