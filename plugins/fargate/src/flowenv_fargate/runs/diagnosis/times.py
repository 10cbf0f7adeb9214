"""When what of a run happened, as ECS says it. Pure."""

from __future__ import annotations

import datetime

from flowenv.plugin import Outcome, RunTimes
from flowenv_fargate.spec.tags import Task


def times_of(task: Task, outcome: Outcome | None = None) -> RunTimes:
    """The times of a task.

    Args:
        task: as DescribeTasks shows it.
        outcome: the flow's own record, if there is one.
    """

    def at(*names: str) -> datetime.datetime | None:
        """The first of these times that the task has."""
        moments = (task.get(name) for name in names)
        found = (one for one in moments if isinstance(one, datetime.datetime))
        return next((one.astimezone(datetime.UTC) for one in found), None)

    installing, installed = outcome.installing if outcome else (None, None)
    clustering, clustered = outcome.clustering if outcome else (None, None)
    return RunTimes(
        made=at("createdAt"),
        scheduled=at("connectivityAt", "pullStartedAt"),
        pulled=at("pullStoppedAt"),
        started=at("startedAt"),
        installing=installing,
        installed=installed,
        clustering=clustering,
        clustered=clustered,
        running=outcome.began if outcome else None,
        returned=outcome.returned if outcome else None,
        ended=at("executionStoppedAt", "stoppedAt"),
    )
