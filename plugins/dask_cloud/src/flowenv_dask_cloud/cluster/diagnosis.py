"""From what a provider says to why a cluster isn't there: reason, sentence, hint. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flowenv.errors import PlatformError
from flowenv.plugin import Reason, State, Status

_CAUSES = (
    ("CannotPullContainer", Reason.IMAGE_PULL, "Does the image exist, and may the tasks pull it?"),
    ("ResourceInitializationError", Reason.NETWORK, "Do the tasks reach the registry and logs?"),
    ("OutOfMemory", Reason.OOM_KILLED, "Raise scheduler_mem or worker_mem."),
    ("Capacity is unavailable", Reason.UNSCHEDULABLE, "Try again, or in another zone."),
    ("RESOURCE:", Reason.UNSCHEDULABLE, "The container instances have no room for the task."),
    ("SpotInterruption", Reason.PREEMPTED, ""),
    ("AccessDenied", Reason.ACCESS_DENIED, "The credentials lack a permission; see the docs."),
    ("ExpiredToken", Reason.ACCESS_DENIED, "Renew the credentials for AWS."),
    ("UnrecognizedClient", Reason.ACCESS_DENIED, "AWS doesn't know these credentials."),
    ("ClusterNotFound", Reason.CONFIGURATION, "Is cluster_arn right, and in this region?"),
    ("InvalidParameter", Reason.CONFIGURATION, "Correct the argument that AWS names."),
    ("ClientException", Reason.CONFIGURATION, "Correct what AWS names."),
    ("PlatformUnknown", Reason.CONFIGURATION, "Correct platform_version."),
    ("UnauthorizedOperation", Reason.ACCESS_DENIED, "The credentials lack a permission."),
    ("executable file not found", Reason.START_ERROR, "The image needs distributed >= 2026.6."),
    ("Unable to locate credentials", Reason.ACCESS_DENIED, "Configure credentials for AWS."),
    ("Partial credentials", Reason.ACCESS_DENIED, "Configure credentials for AWS."),
    ("specify a region", Reason.CONFIGURATION, "Set region_name, or AWS_DEFAULT_REGION."),
    ("endpoint URL", Reason.NETWORK, "Does this machine reach AWS?"),
)

_ELSEWHERE = "Does the image hold Dask, and may this machine reach the scheduler's port (8786)? "


def why_stopped(task: Mapping[str, Any]) -> Status | None:
    """Why an ECS task isn't running; None if it is, or nothing is known.

    >>> task = {"lastStatus": "STOPPED", "stoppedReason": "Essential container in task exited",
    ...         "containers": [{"name": "dask-worker", "exitCode": 127}]}
    >>> why_stopped(task).message
    'has stopped: Essential container in task exited (dask-worker: exit code 127)'
    """
    if task.get("lastStatus") not in ("STOPPED", "DEPROVISIONING", "STOPPING", "DEACTIVATING"):
        return None
    why = task.get("stoppedReason") or task.get("stopCode") or "no reason given"
    parts = []
    for container in task.get("containers") or []:
        what = [f"exit code {container['exitCode']}"] if "exitCode" in container else []
        reason = container.get("reason")
        what += [reason] if reason and reason not in why else []
        if what:
            parts.append(f"{container.get('name', 'container')}: {', '.join(what)}")
    text = f"has stopped: {why}" + (f" ({'; '.join(parts)})" if parts else "")
    cause, hint = cause_of(text)
    return Status(State.CRASHED, cause, text, hint)


def cause_of(text: str) -> tuple[Reason, str]:
    """The reason that a provider's text stands for, and what to do about it."""
    for mark, reason, hint in _CAUSES:
        if mark in text:
            return reason, hint
    return Reason.START_ERROR, ""


def said(error: Exception) -> tuple[str, str]:
    """An error of AWS's as a whole sentence, and what to do about it.

    >>> said(ValueError("Unable to locate credentials"))
    ('Unable to locate credentials.', 'Configure credentials for AWS.')
    """
    text = f"{str(error).rstrip('.')}."
    return text, cause_of(text)[1] or "See the permissions that the backend's documentation lists."


def start_error(title: str, error: BaseException, problems: Iterable[str] = ()) -> PlatformError:
    """A provider's exception while it made the cluster, as one of ours.

    Args:
        title: the provider's class.
        error: what it raised.
        problems: what is known of its tasks or machines.
    """
    text = ""
    for sentence in (*_sentences(error), *problems):
        if sentence not in text:
            text += f"; {sentence}" if text else sentence
    reason, hint = cause_of(text)
    return PlatformError(
        f"The {title} could not be made: {text}.",
        hint=hint or "See the provider's own logs of the scheduler and the workers.",
        reason=reason,
    )


def _sentences(error: BaseException) -> Iterable[str]:
    """The messages of an exception and of those behind it, the outermost first."""
    seen: BaseException | None = error
    said = ""
    while seen is not None:
        text = " ".join(str(seen).split()).rstrip(".") or type(seen).__name__
        if text not in said:
            said += text
            yield text if isinstance(seen, RuntimeError) else f"{type(seen).__name__}: {text}"
        seen = seen.__cause__


def not_in_time(
    title: str, seconds: float, doing: str, problems: Iterable[str], *, here: bool = False
) -> PlatformError:
    """The cluster wasn't up when the deadline came.

    Args:
        title: the provider's class.
        seconds: the deadline.
        doing: what was last seen.
        problems: what is known of its tasks or machines.
        here: True if it is made on this machine.
    """
    why = "; ".join(problems)
    reason, hint = cause_of(why) if why else (Reason.DEADLINE, "")
    return PlatformError(
        f"The {title} wasn't up after {seconds:g} s. Last seen: {doing}"
        + (f" Problems: {why}." if why else ""),
        hint=hint or f"{'' if here else _ELSEWHERE}start_timeout gives it longer.",
        reason=Reason.DEADLINE if reason is Reason.START_ERROR else reason,
    )
