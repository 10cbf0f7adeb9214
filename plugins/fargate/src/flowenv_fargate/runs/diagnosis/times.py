"""When what of a run happened, as ECS says it. Pure."""

from __future__ import annotations

import datetime

from flowenv.plugin import Outcome, RunTimes
from flowenv_fargate.runs.diagnosis.status import has_provider_of_instances, waits_for_capacity
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
    scheduled = at("connectivityAt", "pullStartedAt")
    return RunTimes(
        made=at("createdAt"),
        released=scheduled if has_provider_of_instances(task) else None,
        scheduled=scheduled,
        pulled=at("pullStoppedAt"),
        started=at("startedAt"),
        installing=installing,
        installed=installed,
        clustering=clustering,
        clustered=clustered,
        running=outcome.began if outcome else None,
        returned=outcome.returned if outcome else None,
        ended=at("executionStoppedAt", "stoppedAt"),
        is_held=waits_for_capacity(task),
    )
