"""What the events of a Job or a pod say: why nothing happens, and that it was cancelled. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flowenv.plugin import Reason, State, Status
from flowenv_k8s.runs.diagnosis.reasons import HINTS
from flowenv_k8s.spec.labels import RUN_ID

_EVENTS: tuple[tuple[str, str, Reason], ...] = (
    ("FailedCreate", "exceeded quota", Reason.QUOTA),
    ("FailedCreate", "", Reason.CONFIGURATION),
    ("FailedScheduling", "", Reason.UNSCHEDULABLE),
    ("FailedMount", "", Reason.CONFIGURATION),
    ("FailedAttachVolume", "", Reason.CONFIGURATION),
    ("FailedCreatePodSandBox", "", Reason.NETWORK),
    ("Failed", "pull", Reason.IMAGE_PULL),
    ("BackOff", "pull", Reason.IMAGE_PULL),
    ("InspectFailed", "", Reason.IMAGE_PULL),
)


def explain(events: Iterable[Mapping[str, Any]]) -> tuple[Reason, str] | None:
    """The reason that the newest telling event gives, with its words; None without one.

    Args:
        events: of the Job or of a pod, in any order.
    """

    def when(event: Mapping[str, Any]) -> str:
        return event.get("lastTimestamp") or event.get("eventTime") or ""

    for event in sorted(events, key=when, reverse=True):
        if event.get("type") == "Normal":
            continue
        message = event.get("message") or ""
        for name, part, reason in _EVENTS:
            if event.get("reason") == name and part in message:
                return reason, f"{name}: {message}"
    return None


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
    hint = HINTS.get(reason, "") if reason else ""
    return Status(
        State.CRASHED,
        reason or Reason.DEADLINE,
        message,
        hint or "Raise the start_deadline setting if it only takes longer.",
    )


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
