"""Ending a Job: when its run is over while something of it goes on, and when it is cancelled."""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flowenv.errors import FlowenvError, PlatformError
from flowenv.plugin import Outcome
from flowenv_k8s.diagnosis import Verdict
from flowenv_k8s.events import cancellation
from flowenv_k8s.labels import JOB_NAME, OUTCOME, selector
from flowenv_k8s.refusals import Refused
from flowenv_k8s.resources import EVENTS, JOBS, PODS

if TYPE_CHECKING:
    from flowenv_k8s.client import Client
    from flowenv_k8s.tracking import RunTracker

_log = logging.getLogger("flowenv.k8s")

DEFAULT_GRACE = 30.0
"""Seconds that a pod's containers get to end, unless its manifest says otherwise."""
MARGIN = 30.0
"""Seconds beyond that after which a cancelled run counts as stuck."""


def end_job(client: Client, job: Mapping[str, Any], verdict: Verdict, run_id: str) -> None:
    """End a Job whose run is over, and leave the run's outcome on it for other processes.

    The Job stays until its TTL; its pods go.

    Args:
        client: the connection.
        job: the Job.
        verdict: how the run ended.
        run_id: the run.
    """
    status = verdict.status
    outcome = verdict.outcome or Outcome(
        run_id, status.state, reason=status.reason, message=status.message, hint=status.hint
    )
    where = (job["metadata"]["namespace"], job["metadata"]["name"])
    patch = {
        "metadata": {"annotations": {OUTCOME: outcome.to_bytes().decode()}},
        # the Job's own way to end its pods; deleting it would remove the evidence as well
        "spec": {"activeDeadlineSeconds": 1},
    }
    try:
        client.patch(JOBS, *where, patch)
    except FlowenvError as error:
        _log.warning("The Job %s/%s is deleted, as it can't be ended: %s", *where, error)
        client.delete(JOBS, *where, uid=job["metadata"].get("uid"))


def delete_job(client: Client, tracker: RunTracker, grace: float = DEFAULT_GRACE) -> None:
    """Delete a run's Job, and return when neither it nor a pod of the run is there.

    Args:
        client: the connection.
        tracker: the run; it is told how its pods ended.
        grace: seconds that the pods' containers get to end.

    Raises:
        PlatformError: if something of it is still there after the grace period.
    """
    tracker.cancelled()
    where = (tracker.namespace, tracker.name)
    _tell_others(client, tracker)
    client.delete(JOBS, *where, uid=tracker.uid, propagation="Foreground")
    end, pause = time.monotonic() + grace + MARGIN, 0.05
    every_pod = selector(run_id=tracker.marks.run_id)
    seen: dict[str, Any] = {}
    while True:
        job = client.get(JOBS, *where)
        pods, _ = client.list(PODS, tracker.namespace, labels=every_pod)
        own = (pod for pod in pods if JOB_NAME in pod["metadata"]["labels"])
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


def _tell_others(client: Client, tracker: RunTracker) -> None:
    """Let those who follow the run know that its Job goes on purpose."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    job = {"name": tracker.name, "namespace": tracker.namespace, "uid": tracker.uid}
    try:
        client.create(EVENTS, cancellation(job, tracker.marks.run_id, now))
    except (FlowenvError, Refused) as error:  # they will take it for lost
        _log.debug("No event says that %s is cancelled: %s", tracker.name, error)
