"""What the events of a Job or a pod say: why nothing happens, and that it was cancelled. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from flowenv.plugin import Reason, State, Status, moment
from flowenv_k8s.runs.diagnosis.reasons import hint_for
from flowenv_k8s.runs.diagnosis.run_status import Verdict
from flowenv_k8s.spec.labels import RUN_ID
from flowenv_k8s.spec.user_manifest import VOLUME

_EVENTS: tuple[tuple[str, str, Reason], ...] = (
    ("FailedCreate", "exceeded quota", Reason.QUOTA),
    ("FailedCreate", "", Reason.CONFIGURATION),
    ("FailedScheduling", "", Reason.UNSCHEDULABLE),
    ("FailedMount", "", Reason.CONFIGURATION),
    ("FailedAttachVolume", "", Reason.CONFIGURATION),
    ("FailedCreatePodSandBox", "", Reason.NETWORK),
    ("FailedPostStartHook", "", Reason.START_ERROR),
    ("Failed", "pull", Reason.IMAGE_PULL),
    ("BackOff", "pull", Reason.IMAGE_PULL),
    ("InspectFailed", "", Reason.IMAGE_PULL),
)


_OF_EACH_VOLUME = frozenset({"FailedMount", "FailedAttachVolume"})
_BEFORE_A_NODE = frozenset({"FailedCreate", "FailedScheduling"})


_ONE_ROUND = 5.0
"""Seconds within which what the kubelet says of several volumes is one attempt to mount them."""
_MOST_WORDS = 3
_SECRET_LATE = 5.0
"""Seconds for which a pod may wait for its run's Secret before that is said."""
_SECRET_LOST = 180.0
"""Seconds after which nobody makes it any more: whoever submits a run has tried for long enough."""
_HALF_MADE = (
    "The run's own Secret isn't there, so it can't start: whoever submitted it ended before the "
    "Secret was made, or somebody has removed it."
)


def when_of(event: Mapping[str, Any]) -> tuple[float, int]:
    """When an event was last told, and its place among those of the same second."""
    # the scheduler counts in a series, all others in lastTimestamp
    told = (event.get("series") or {}).get("lastObservedTime")
    found = moment(told or event.get("lastTimestamp") or event.get("eventTime"))
    version = str((event.get("metadata") or {}).get("resourceVersion") or "")
    return found.timestamp() if found else 0.0, int(version) if version.isdecimal() else 0


def explain(
    events: Iterable[Mapping[str, Any]], *, has_node: bool = False
) -> tuple[Reason, str] | None:
    """The reason that the newest telling event gives, with its words; None without one.

    Where several of its kind are as new, as of two volumes that can't be mounted, all are told.

    Args:
        events: of the Job or of a pod, in any order.
        has_node: True if a pod has a node, so that what came before is past.
    """
    telling = [
        (when_of(event), event, reason)
        for event in events
        if not (has_node and event.get("reason") in _BEFORE_A_NODE)
        and event.get("type") != "Normal"
        and (reason := reason_of(event))
    ]
    if not telling:
        return None
    (newest, _), last, reason = max(telling, key=lambda one: one[0])
    if any(_lacks_secret_for(event) >= _SECRET_LOST for _, event, _ in telling):
        return Reason.LOST, _HALF_MADE
    name = str(last.get("reason"))
    words = {
        str(event.get("message") or "")
        for (when, _), event, _ in telling
        if event is last
        or (event.get("reason") == name in _OF_EACH_VOLUME and newest - when <= _ONE_ROUND)
    }
    return reason, f"{name}: {'; '.join(sorted(words)[:_MOST_WORDS])}"


def reason_of(event: Mapping[str, Any]) -> Reason | None:
    """What of flowenv's list a warning stands for; None if it tells nothing."""
    message = event.get("message") or ""
    for name, part, reason in _EVENTS:
        if event.get("reason") == name and part in message:
            return reason
    return None


def is_passing(event: Mapping[str, Any]) -> bool:
    """True for a pod that came before the run's own Secret, which is made right after its Job.

    It is mounted within a second or two; what lasts longer is in the way.
    """
    return 0.0 <= _lacks_secret_for(event) < _SECRET_LATE


def _lacks_secret_for(event: Mapping[str, Any]) -> float:
    """For how many seconds a pod has lacked its run's own Secret; below 0 if that isn't said."""
    message = str(event.get("message") or "")
    own = f'volume "{VOLUME}" : secret '
    if event.get("reason") != "FailedMount" or own not in message or "not found" not in message:
        return -1.0
    first, last = moment(event.get("firstTimestamp")), moment(event.get("lastTimestamp"))
    return 0.0 if first is None or last is None else (last - first).total_seconds()


def too_late(status: Status, seconds: float, told: tuple[Reason, str] | None) -> Status:
    """The final status of a run that was not running when its start deadline passed.

    Args:
        status: how it stood.
        seconds: the deadline.
        told: what the events say, from `explain`.
    """
    reason, words = status.reason, status.message
    if told and (reason is None or not words):
        reason, words = told
    shown = words or "Kubernetes gives no reason"
    message = f"The flow's container was not running after {seconds:g} s: {shown}"
    hint = hint_for(reason, words) if reason else ""
    return Status(
        State.CRASHED,
        reason or Reason.DEADLINE,
        message,
        hint or "Raise the start_deadline setting if it only takes longer.",
    )


def is_refused_for_good(told: tuple[Reason, str]) -> bool:
    """True if waiting won't help: Pod Security refuses the run's pods, or its Secret is lost."""
    return told[0] is Reason.LOST or "violates PodSecurity" in told[1]


def with_who_stopped_it(verdict: Verdict, events: Iterable[Mapping[str, Any]]) -> Verdict:
    """A verdict on a flow that was asked to stop, with what the newest event says of that.

    Args:
        verdict: the verdict.
        events: of the pod.
    """
    for event in sorted(events, key=when_of, reverse=True):
        if event.get("reason") in _STOPS:
            words = f"{event['reason']}: {event.get('message') or ''}".rstrip(": ")
            message = f"{verdict.status.message} {words}"
            status = dataclasses.replace(verdict.status, message=message)
            return dataclasses.replace(verdict, status=status)
    return verdict


_STOPS = frozenset({"Unhealthy", "FailedPostStartHook", "FailedPreStopHook", "ProbeError"})

CANCELLED = "FlowRunCancelled"
"""The reason of the event that a cancellation leaves: it outlives the Job by an hour or so."""


def cancellation(job: Mapping[str, Any], run_id: str, now: str) -> dict[str, Any]:
    """The event that tells others who follow a run that its Job goes on purpose.

    Args:
        job: the Job's metadata.
        run_id: the run.
        now: the moment.
    """
    name, namespace = job["name"], job["namespace"]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "generateName": f"{name}.",
            "namespace": namespace,
            "labels": {RUN_ID: run_id},
        },
        "involvedObject": {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": name,
            "namespace": namespace,
            "uid": job["uid"],
        },
        "type": "Normal",
        "reason": CANCELLED,
        "message": f"The run {run_id} was cancelled",
        "source": {"component": "flowenv"},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }


def is_cancellation(event: Mapping[str, Any]) -> bool:
    """True for the event that a cancellation leaves."""
    return event.get("reason") == CANCELLED
