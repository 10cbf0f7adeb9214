"""What ECS says of a task, as a run tells it: when it got on, and why it stopped. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from flowenv.plugin import Event, State, Status, moments_of
from flowenv_fargate.spec.tags import Task

_MOMENTS = {
    "createdAt": "The task was accepted.",
    "connectivityAt": "Its network was there.",
    "pullStartedAt": "The pull of its images began.",
    "pullStoppedAt": "Its images were there.",
    "startedAt": "Its containers were started.",
    "stoppingAt": "It was told to stop.",
    "executionStoppedAt": "Its containers had ended.",
}


def events_of(task: Task, status: Status) -> list[Event]:
    """Events, oldest first.

    Args:
        task: as DescribeTasks shows it.
        status: what that means for the run.
    """
    return [*moments_of(task, _MOMENTS, "task"), *_why_it_stopped(task, status)]


def _why_it_stopped(task: Task, status: Status) -> Iterator[Event]:
    stopped = task.get("stoppedAt") or task.get("executionStoppedAt")
    at = stopped if isinstance(stopped, datetime.datetime) else None
    is_warning = status.state is State.CRASHED
    for one in task.get("containers") or []:
        if one.get("reason") or one.get("exitCode"):
            code = one.get("exitCode")
            name = "not started" if code is None else f"exit code {code}"
            said = str(one.get("reason") or "")
            yield Event(name, said, at, f"container {one.get('name') or ''}".strip(), True)
    if code := task.get("stopCode"):
        said = str(task.get("stoppedReason") or "")
        hint = status.hint if is_warning else ""
        yield Event(str(code), said, at, "task", is_warning, hint=hint)
