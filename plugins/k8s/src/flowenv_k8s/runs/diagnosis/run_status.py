"""From what Kubernetes says of a Job and its pods to a run's status. Pure.

A run is judged by the flow's container, not by the Job: a sidecar may go on, and a Job looks
active for as long as an image can't be pulled. Where something else has ended the flow, the Job
and its marks say what.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowenv.plugin import Outcome, Reason, State, Status, moment
from flowenv_k8s.runs.diagnosis.job_status import (
    failed_without_pod,
    is_marked_cancelled,
    job_condition,
    left_outcome,
    may_retry,
    without_pod,
)
from flowenv_k8s.runs.diagnosis.pod_status import (
    Ended,
    by_age,
    container_status,
    disruption,
    ended,
    ended_before,
    living,
)
from flowenv_k8s.runs.diagnosis.reasons import HINTS

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
        seal: what the run's record fits; empty if that isn't known.
    """

    run_id: str
    job: Mapping[str, Any] | None
    pods: Sequence[Mapping[str, Any]]
    flow_container: str
    now: datetime.datetime
    gone: frozenset[str] = frozenset()
    cancelled: bool = False
    seal: str = ""

    @property
    def newest(self) -> Mapping[str, Any] | None:
        """The newest pod; of two of the same age the one that was heard of last."""
        return sorted(self.pods, key=by_age)[-1] if self.pods else None

    @property
    def is_cancelled(self) -> bool:
        """True if somebody is known to have cancelled the run."""
        return self.cancelled or (self.job is not None and is_marked_cancelled(self.job))


@dataclass(frozen=True)
class Verdict:
    """What to say of a run.

    Args:
        status: its status.
        outcome: the record that the flow left, if there is one.
        job_must_end: True if the run is over and something of its Job goes on.
        ask_job: True if only the Job itself can say more, so it should be looked at now.
        is_hopeless: True if the run can't start as it is, though its Job goes on: it is over
            once somebody has ended the Job.
        is_left: True if somebody has left this on the Job.
    """

    status: Status
    outcome: Outcome | None = None
    job_must_end: bool = False
    ask_job: bool = False
    is_hopeless: bool = False
    is_left: bool = False


def judge(observed: Observed) -> Verdict:
    """Say how a run stands.

    Args:
        observed: the Job and its pods. Without a look at the Job lately, pass the last one
            known: the verdict's `ask_job` says when a new look is needed.
    """
    verdict = _judge(observed)
    if observed.is_cancelled and not verdict.status.state.is_final:
        status = Status(verdict.status.state, message="The run is being cancelled.")
        return dataclasses.replace(verdict, status=status, is_hopeless=False)
    return verdict


def _judge(observed: Observed) -> Verdict:
    job, pod = observed.job, observed.newest
    if job is not None and (left := left_outcome(job, observed.run_id, observed.seal)):
        return Verdict(left.status(), left, is_left=True)
    over = _end_of(observed, pod) if pod else None
    if over and not over.unexplained and (job is None or not _goes_on(job)):
        return Verdict(over.status, over.outcome)
    if job is None:
        return _job_gone(observed, pod, over)
    if failed := job_condition(job, "Failed"):
        return Verdict(_failed(observed, failed, pod, over))
    if job_condition(job, "Complete"):
        return Verdict(over.status if over else _complete_without_pod())
    if pod is None:
        return Verdict(without_pod(job))
    if over:
        return _attempt_ended(observed, job, pod, over)
    if pod["metadata"]["uid"] in observed.gone:
        return Verdict(Status(State.STARTING, message="The pod is gone."), ask_job=True)
    # a pod that is being stopped: by the Job's deadline, with the Job, or alone
    status = living(pod, observed.flow_container)
    if status.state is State.CRASHED:
        waits = dataclasses.replace(status, state=State.STARTING)
        return Verdict(waits, ask_job=_is_stopping(pod), is_hopeless=True)
    return Verdict(status, ask_job=_is_stopping(pod))


def _goes_on(job: Mapping[str, Any]) -> bool:
    return not (job_condition(job, "Failed") or job_condition(job, "Complete"))


def _is_stopping(pod: Mapping[str, Any]) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def _is_removed(observed: Observed, pod: Mapping[str, Any]) -> bool:
    return _is_stopping(pod) or pod["metadata"]["uid"] in observed.gone


def _end_of(observed: Observed, pod: Mapping[str, Any]) -> Ended | None:
    over = ended(pod, observed.flow_container, observed.run_id, observed.seal)
    is_gone = pod["metadata"]["uid"] in observed.gone
    if over is None and is_gone and (why := disruption(pod)):
        return Ended(why)
    if (over.unexplained if over else is_gone) and _is_out_of_retries(observed.job):
        # the Job stops the attempt with which its container was started too often
        before = ended_before(pod, observed.flow_container, observed.run_id, observed.seal)
        return before if before and not before.unexplained else over
    return over


def _is_out_of_retries(job: Mapping[str, Any] | None) -> bool:
    conditions = (job_condition(job, kind) for kind in ("Failed", "FailureTarget")) if job else ()
    return any((one or {}).get("reason") == "BackoffLimitExceeded" for one in conditions)


# -- what something else than the flow has ended ------------------------------------------------


def _removed(what: str) -> Status:
    message = f"{what} was deleted before the flow had ended, and not by flowenv."
    return Status(State.CRASHED, Reason.LOST, message, HINTS[Reason.LOST])


def _cancelled() -> Status:
    return Status(State.CANCELLED, message="The Job was deleted.")


def _job_gone(observed: Observed, pod: Mapping[str, Any] | None, over: Ended | None) -> Verdict:
    if pod is not None and over is None and pod["metadata"]["uid"] not in observed.gone:
        # it may have been orphaned; or the garbage collector has yet to come, or is at it
        status = living(pod, observed.flow_container)
        return Verdict(status, ask_job=_is_stopping(pod))
    return Verdict(_cancelled() if observed.is_cancelled else _removed("The Job"))


def _failed(
    observed: Observed,
    failed: Mapping[str, Any],
    pod: Mapping[str, Any] | None,
    over: Ended | None,
) -> Status:
    """Why a Job has failed, or is about to, whose flow didn't say how it ended."""
    if over and not over.unexplained:
        return over.status
    if observed.is_cancelled:
        return _cancelled()
    reason = failed.get("reason")
    if reason == "DeadlineExceeded":
        return _deadline(failed, observed)
    if pod and _is_removed(observed, pod):
        return _removed(f"The pod {pod['metadata']['name']}")
    if over:
        return over.status
    if pod is None:
        return failed_without_pod(failed)
    message = f"The Job failed: {reason}: {failed.get('message') or ''}".rstrip(": ")
    return Status(State.CRASHED, Reason.EXITED, message, "See the logs and events.")


def _deadline(failed: Mapping[str, Any], observed: Observed) -> Status:
    seconds = ((observed.job or {}).get("spec") or {}).get("activeDeadlineSeconds")
    words = failed.get("message") or "Job was active longer than specified deadline"
    limit = f" ({seconds} s)" if seconds else ""
    return Status(State.CRASHED, Reason.DEADLINE, f"{words}{limit}.", HINTS[Reason.DEADLINE])


def _complete_without_pod() -> Status:
    message = "The Job is complete and its pod is gone, and nobody has kept the flow's result."
    return Status(State.COMPLETED, message=message)


# -- a Job that goes on -------------------------------------------------------------------------


def _attempt_ended(
    observed: Observed, job: Mapping[str, Any], pod: Mapping[str, Any], over: Ended
) -> Verdict:
    """The newest pod's flow container has ended, and the Job isn't over yet."""
    status = over.status
    others = _others_go_on(pod, observed.flow_container)
    if status.state is State.COMPLETED:
        return Verdict(status, over.outcome, job_must_end=others)
    if announced := job_condition(job, "FailureTarget"):
        return Verdict(_failed(observed, announced, pod, over), over.outcome)
    if over.unexplained and observed.is_cancelled:
        return Verdict(_cancelled())
    if over.unexplained and job["metadata"].get("deletionTimestamp"):
        return Verdict(_removed("The Job"))
    if over.unexplained and _is_removed(observed, pod):
        # why, only the Job can tell
        return Verdict(Status(State.RUNNING, message="The pod was stopped."), ask_job=True)
    if may_retry(job) and not (others and _ended_long_ago(observed, pod)):
        message = f"An attempt has ended, and the Job may try again: {status.message}"
        return Verdict(Status(State.RUNNING, status.reason, message), ask_job=True)
    return Verdict(status, over.outcome, job_must_end=others)


def _others_go_on(pod: Mapping[str, Any], flow_container: str) -> bool:
    """True if another container runs, or waits to be started."""
    flow = container_status(pod, flow_container).get("name")
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    states = [one.get("state") or {} for one in statuses if one.get("name") != flow]
    return any("terminated" not in state for state in states)


def _ended_long_ago(observed: Observed, pod: Mapping[str, Any]) -> bool:
    state = container_status(pod, observed.flow_container).get("state") or {}
    finished = moment((state.get("terminated") or {}).get("finishedAt"))
    return finished is not None and (observed.now - finished).total_seconds() > SIDECAR_GRACE
