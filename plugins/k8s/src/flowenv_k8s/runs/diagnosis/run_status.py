"""From what Kubernetes says of a Job and its pods to a run's status. Pure.

A run is judged by the flow's container, not by the Job: a sidecar may go on, and a Job looks
active for as long as an image can't be pulled.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowenv.plugin import Outcome, Reason, State, Status, moment
from flowenv_k8s.runs.diagnosis.pod_status import (
    by_age,
    container_status,
    disruption,
    ended,
    living,
)
from flowenv_k8s.runs.diagnosis.reasons import HINTS
from flowenv_k8s.spec.labels import OUTCOME

SIDECAR_GRACE = 30.0
"""Seconds that the other containers of a failed attempt get to end before the run is judged."""


@dataclass(frozen=True)
class Observed:
    """What is known of a run on the cluster at one moment.

    Args:
        run_id: the run.
        job: the Job; None if it is gone.
        pods: its pods, in any order.
        flow_container: the name of the container that counts; empty for the first.
        now: the moment.
        gone: the UIDs of pods that are no longer there.
        cancelled: True if somebody has cancelled the run, and so deletes the Job.
    """

    run_id: str
    job: Mapping[str, Any] | None
    pods: Sequence[Mapping[str, Any]]
    flow_container: str
    now: datetime.datetime
    gone: frozenset[str] = frozenset()
    cancelled: bool = False

    @property
    def attempts(self) -> list[Mapping[str, Any]]:
        """The pods, oldest first."""
        return sorted(self.pods, key=by_age)


@dataclass(frozen=True)
class Verdict:
    """What to say of a run.

    Args:
        status: its status.
        outcome: the record that the flow left, if there is one.
        job_must_end: True if the run is over and something of its Job is still running.
        ask_job: True if only the Job itself can say more, so it should be looked at now.
    """

    status: Status
    outcome: Outcome | None = None
    job_must_end: bool = False
    ask_job: bool = False


def judge(observed: Observed) -> Verdict:
    """Say how a run stands.

    Args:
        observed: the Job and its pods. Without a look at the Job lately, pass the last one
            known: the verdict's `ask_job` says when a new look is needed.
    """
    job, attempts = observed.job, observed.attempts
    if job is None:
        return _job_gone(observed, attempts)
    if left := _left_outcome(observed, job):
        return left
    if failed := job_condition(job, "Failed"):
        return _job_failed(observed, failed, attempts)
    pod = attempts[-1] if attempts else None
    if job_condition(job, "Complete"):
        ended = _end_of(observed, pod) if pod else None
        return ended or Verdict(Status(State.COMPLETED))
    if pod is None:
        return Verdict(_without_pod(job))
    if ended := _end_of(observed, pod):
        return _attempt_ended(observed, job, pod, ended)
    if pod["metadata"]["uid"] in observed.gone:
        return Verdict(Status(State.STARTING, message="The pod is gone."), ask_job=True)
    # a pod that is being stopped: by the Job's deadline, with the Job, or alone
    is_stopping = bool(pod["metadata"].get("deletionTimestamp"))
    return Verdict(living(pod, observed.flow_container), ask_job=is_stopping)


def _left_outcome(observed: Observed, job: Mapping[str, Any]) -> Verdict | None:
    """What a handle has left on the Job that it had to end."""
    text = (job["metadata"].get("annotations") or {}).get(OUTCOME)
    outcome = Outcome.from_text(text, observed.run_id) if text else None
    return Verdict(outcome.status(), outcome) if outcome else None


def job_condition(job: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """A Job's condition of a kind, if it holds."""
    for one in (job.get("status") or {}).get("conditions") or ():
        if one.get("type") == kind and one.get("status") == "True":
            return one  # type: ignore[no-any-return]
    return None


# -- a Job that is over, one way or another ------------------------------------------------------


def _job_gone(observed: Observed, attempts: Sequence[Mapping[str, Any]]) -> Verdict:
    ended = _end_of(observed, attempts[-1]) if attempts else None
    if ended and ended.status.reason is not Reason.EXITED:
        return ended
    if observed.cancelled:
        return Verdict(Status(State.CANCELLED, message="The Job was deleted."))
    return Verdict(
        Status(
            State.CRASHED,
            Reason.LOST,
            "The Job was deleted before the run was over.",
            HINTS[Reason.LOST],
        )
    )


def _job_failed(
    observed: Observed, failed: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]]
) -> Verdict:
    ended = _end_of(observed, attempts[-1]) if attempts else None
    reason = failed.get("reason")
    if reason == "DeadlineExceeded":
        if ended and ended.status.state in (State.COMPLETED, State.FAILED):
            return ended
        return Verdict(_deadline(failed, observed))
    if ended and ended.status.state is not State.COMPLETED:
        return ended
    message = f"The Job failed: {reason}: {failed.get('message') or ''}".rstrip(": ")
    if not attempts:
        message += "; its pod is gone, so there is no more to say."
        return Verdict(Status(State.CRASHED, Reason.LOST, message, HINTS[Reason.LOST]))
    return Verdict(Status(State.CRASHED, Reason.EXITED, message, "See the logs and events."))


def _deadline(failed: Mapping[str, Any], observed: Observed) -> Status:
    seconds = ((observed.job or {}).get("spec") or {}).get("activeDeadlineSeconds")
    words = failed.get("message") or "Job was active longer than specified deadline"
    limit = f" ({seconds} s)" if seconds else ""
    return Status(State.CRASHED, Reason.DEADLINE, f"{words}{limit}.", HINTS[Reason.DEADLINE])


def _attempt_ended(
    observed: Observed, job: Mapping[str, Any], pod: Mapping[str, Any], ended: Verdict
) -> Verdict:
    """The newest pod's flow container has ended, and the Job isn't over yet."""
    status = ended.status
    others_run = _others_run(pod, observed.flow_container)
    if status.state is State.COMPLETED:
        return Verdict(status, ended.outcome, job_must_end=others_run)
    if announced := job_condition(job, "FailureTarget"):
        return _job_failed(observed, announced, [pod])
    if _was_stopped(observed, pod, status):
        # why, only the Job can tell
        return Verdict(Status(State.RUNNING, message="The pod was stopped."), ask_job=True)
    if _may_retry(job) and not (others_run and _ended_long_ago(observed, pod)):
        message = f"An attempt has ended, and the Job may try again: {status.message}"
        return Verdict(Status(State.RUNNING, status.reason, message), ask_job=True)
    return Verdict(status, ended.outcome, job_must_end=others_run)


def _was_stopped(observed: Observed, pod: Mapping[str, Any], status: Status) -> bool:
    metadata = pod["metadata"]
    if not (metadata.get("deletionTimestamp") or metadata["uid"] in observed.gone):
        return False
    return status.state is State.CANCELLED or status.reason is Reason.EXITED


def _may_retry(job: Mapping[str, Any]) -> bool:
    # 6 is what Kubernetes takes when the manifest says nothing
    return int((job.get("spec") or {}).get("backoffLimit", 6)) > 0


def _others_run(pod: Mapping[str, Any], flow_container: str) -> bool:
    flow = container_status(pod, flow_container).get("name")
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return any("running" in (s.get("state") or {}) for s in statuses if s.get("name") != flow)


def _ended_long_ago(observed: Observed, pod: Mapping[str, Any]) -> bool:
    state = container_status(pod, observed.flow_container).get("state") or {}
    finished = moment((state.get("terminated") or {}).get("finishedAt"))
    return finished is not None and (observed.now - finished).total_seconds() > SIDECAR_GRACE


def _without_pod(job: Mapping[str, Any]) -> Status:
    if (job.get("spec") or {}).get("suspend"):
        return Status(State.SUBMITTED, message="The Job is suspended.")
    return Status(State.SUBMITTED)


def is_over(job: Mapping[str, Any]) -> bool:
    """True if the Job itself says that it has ended."""
    return any(job_condition(job, kind) is not None for kind in ("Complete", "Failed"))


def is_held(status: Status, job: Mapping[str, Any] | None) -> bool:
    """True if a run doesn't start because somebody holds it back: suspended or gated."""
    suspended = bool(((job or {}).get("spec") or {}).get("suspend"))
    return suspended or "gated" in status.message


def _end_of(observed: Observed, pod: Mapping[str, Any]) -> Verdict | None:
    over = ended(pod, observed.flow_container, observed.run_id)
    if over is None and pod["metadata"]["uid"] in observed.gone and (why := disruption(pod)):
        return Verdict(why)
    return Verdict(over.status, over.outcome) if over else None
