"""What ECS has said of a cluster's tasks, as a run tells it. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flowenv.plugin import Event, moments_of
from flowenv_dask_cloud.cluster.diagnosis import why_stopped

Task = Mapping[str, Any]

_MOMENTS = {
    "createdAt": "The task was accepted.",
    "connectivityAt": "Its network was there.",
    "pullStartedAt": "The pull of its image began.",
    "pullStoppedAt": "Its image was there.",
    "startedAt": "Its container was started.",
    "stoppingAt": "It was told to stop.",
    "executionStoppedAt": "Its container had ended.",
}
_BY_US = "UserInitiated"
"""The code of a stop by StopTask, which is how a cluster is closed."""


def events_of(tasks: Iterable[tuple[str, Task]]) -> list[Event]:
    """Events, oldest first.

    Args:
        tasks: what each is, `scheduler` or `worker`, and how DescribeTasks last showed it.
    """
    found = [event for role, task in tasks for event in _of_task(role, task)]
    earliest = datetime.datetime.min.replace(tzinfo=datetime.UTC)
    return sorted(found, key=lambda event: event.at or earliest)


def _of_task(role: str, task: Task) -> Iterator[Event]:
    about = f"{role} {str(task.get('taskArn') or '').rpartition('/')[2]}".strip()
    moments = moments_of(task, _MOMENTS, about)
    yield from moments
    why = why_stopped(task)
    if why is None:
        return
    code = str(task.get("stopCode") or "stopped")
    stopped = task.get("stoppedAt") or task.get("stoppingAt")
    last = moments[-1].at if moments else None
    at = stopped if isinstance(stopped, datetime.datetime) else last
    hint = "" if code == _BY_US else why.hint
    yield Event(code, f"It {why.message}.", at, about, code != _BY_US, hint=hint)
