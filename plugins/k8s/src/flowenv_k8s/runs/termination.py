"""What who follows a run does to its Job at the end: end what goes on, leave the outcome there."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from flowenv.errors import FlowenvError, PlatformError
from flowenv.plugin import Outcome, State
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.resources import JOBS, PODS
from flowenv_k8s.runs.diagnosis.job_status import is_over
from flowenv_k8s.runs.diagnosis.run_status import Verdict
from flowenv_k8s.spec.labels import FURTHER_PODS, JOB_NAME, OUTCOME, selector

_log = logging.getLogger("flowenv.k8s")

PATIENCE = 60.0
"""Seconds that a Job gets to end when it is told to."""

Job = Mapping[str, Any]


def leave_outcome(client: Client, job: Job, verdict: Verdict, run_id: str) -> None:
    """Leave a run's outcome on its Job, where it lasts longer than in the pod.

    Whoever asks later says the same then, also when the pod is gone.

    Args:
        client: the connection.
        job: the Job.
        verdict: how the run ended.
        run_id: the run.
    """
    if (record := _record(verdict, run_id)) is None:
        return
    try:
        _patch(client, job, {"metadata": {"annotations": {OUTCOME: record}}})
    except FlowenvError as error:  # the run is over all the same
        _log.debug("The outcome can't be left on the Job %s: %s", job["metadata"]["name"], error)


def end_job(client: Client, job: Job, verdict: Verdict, run_id: str) -> None:
    """Tell a Job to end, and leave the run's outcome on it. It stays until its TTL; its pods go.

    Args:
        client: the connection.
        job: the Job.
        verdict: how the run ended.
        run_id: the run.

    Raises:
        FlowenvError: if it can be neither ended nor deleted.
    """
    # the Job's own way to end its pods; deleting it would remove the evidence as well
    patch: dict[str, Any] = {"spec": {"activeDeadlineSeconds": 1}}
    if record := _record(verdict, run_id):
        patch["metadata"] = {"annotations": {OUTCOME: record}}
    try:
        _patch(client, job, patch)
    except FlowenvError as error:
        where = (job["metadata"]["namespace"], job["metadata"]["name"])
        _log.warning("The Job %s/%s is deleted, as it can't be ended: %s", *where, error)
        client.delete(JOBS, *where, uid=job["metadata"]["uid"])


def remove_further_pods(client: Client, job: Job, run_id: str) -> None:
    """Remove what a run's Job owns besides its own pods, once the run is over.

    A flow removes them itself, unless it was killed. They would stay as long as the Job.

    Args:
        client: the connection.
        job: the Job.
        run_id: the run.
    """
    metadata = job["metadata"]
    if FURTHER_PODS not in (metadata.get("annotations") or {}):
        return
    namespace, labels = metadata["namespace"], f"{selector(run_id=run_id)},!{JOB_NAME}"
    try:
        for pod in client.list(PODS, namespace, labels=labels)[0]:
            own = pod["metadata"]
            if metadata["uid"] in (one["uid"] for one in own.get("ownerReferences") or ()):
                client.delete(PODS, namespace, own["name"], uid=own["uid"])
    except FlowenvError as error:  # they go with the Job
        _log.debug("Pods of the run %s may be left for now: %s", run_id, error)


def wait_until_over(client: Client, job: Job) -> None:
    """Wait until a Job that was told to end has ended, and none of its pods goes on.

    Raises:
        PlatformError: if it takes too long.
    """
    where, uid = (job["metadata"]["namespace"], job["metadata"]["name"]), job["metadata"]["uid"]
    end, pause = time.monotonic() + PATIENCE, 0.05
    while True:
        found = client.get(JOBS, *where)
        if found is None or found["metadata"]["uid"] != uid or is_over(found):
            return
        if time.monotonic() > end:
            raise PlatformError(
                f"The Job {where[0]}/{where[1]} was told to end {PATIENCE:g} s ago and goes on.",
                hint="See `kubectl describe job`; a node may be out of reach.",
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 1.0)


def _record(verdict: Verdict, run_id: str) -> str | None:
    """The record of a run; None where nobody knows its result."""
    status, outcome = verdict.status, verdict.outcome
    if outcome is None:
        if status.state is not State.CRASHED:
            return None
        outcome = Outcome(
            run_id, status.state, reason=status.reason, message=status.message, hint=status.hint
        )
    return outcome.to_bytes().decode()


def _patch(client: Client, job: Job, patch: Mapping[str, Any]) -> None:
    metadata = {**(patch.get("metadata") or {}), "uid": job["metadata"]["uid"]}
    where = (job["metadata"]["namespace"], job["metadata"]["name"])
    client.patch(JOBS, *where, {**patch, "metadata": metadata})
