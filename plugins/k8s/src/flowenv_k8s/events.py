"""What the events of a Job or a pod say about why nothing happens. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flowenv.states import Reason, State, Status
from flowenv_k8s.reasons import HINTS

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
