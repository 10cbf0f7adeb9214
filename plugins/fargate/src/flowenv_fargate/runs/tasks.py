"""Tasks on ECS: listed and described, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from flowenv.plugin import Poller
from flowenv_fargate.api.client import Aws
from flowenv_fargate.api.refusals import AwsRefused
from flowenv_fargate.spec.tags import Identity, Task, started_by

BATCH = 100
DESIRED = ("RUNNING", "STOPPED")
POLL_SECONDS, FRESH_SECONDS, CALLS_PER_SECOND = 2.0, 0.2, 5.0
"""Seconds between rounds while somebody waits; how old a look may be; DescribeTasks at most."""

TaskPoller = Poller[Task]


def describe_tasks(aws: Aws, cluster: str, arns: Sequence[str]) -> list[Task]:
    """The tasks of these ARNs that are there, with their tags; a hundred a call."""
    found: list[Task] = []
    for start in range(0, len(arns), BATCH):
        wanted = {"cluster": cluster, "tasks": list(arns[start : start + BATCH])}
        answer = aws.call("ecs", "DescribeTasks", {**wanted, "include": ["TAGS"]})
        found += answer.get("tasks") or []
    return found


def task_poller(aws: Aws, cluster: str) -> TaskPoller:
    """A poller of a cluster's tasks, by their ARNs: a call for up to 100 of them."""

    def ask(arns: Sequence[str]) -> dict[str, Task]:
        return {task["taskArn"]: task for task in describe_tasks(aws, cluster, arns)}

    pace = {"interval": POLL_SECONDS, "fresh": FRESH_SECONDS}
    return Poller(ask, batch=BATCH, calls_per_second=CALLS_PER_SECOND, **pace)


def list_tasks(aws: Aws, cluster: str, **filters: str) -> Iterator[str]:
    """The ARNs of a cluster's tasks; stopped ones only with `desiredStatus="STOPPED"`."""
    wanted: dict[str, Any] = {"cluster": cluster, **filters}
    while True:
        answer = aws.call("ecs", "ListTasks", wanted)
        yield from answer.get("taskArns") or []
        token = answer.get("nextToken")
        if not token:
            return
        wanted["nextToken"] = token


def tasks_of_run(aws: Aws, cluster: str, run_id: str) -> Iterator[Task]:
    """A run's tasks, found by flowenv's own `startedBy`."""
    wanted = started_by(run_id)
    try:
        for desired in DESIRED:
            arns = list(list_tasks(aws, cluster, startedBy=wanted, desiredStatus=desired))
            yield from describe_tasks(aws, cluster, arns)
    except AwsRefused as error:
        if "startedBy" not in error.refusal.message:
            raise
        # some endpoints of ECS take startedBy only alone, which leaves out what has stopped
        stopped = list_tasks(aws, cluster, desiredStatus="STOPPED")
        arns = [*list_tasks(aws, cluster, startedBy=wanted), *stopped]
        for task in describe_tasks(aws, cluster, list(dict.fromkeys(arns))):
            if task.get("startedBy") == wanted:
                yield task


def flow_tasks(
    aws: Aws, cluster: str, own_started_by: object = None
) -> Iterator[tuple[Task, Identity]]:
    """All of flowenv's tasks that a cluster shows: living ones, and an hour of stopped ones.

    Args:
        aws: calls AWS.
        cluster: name or ARN.
        own_started_by: the `startedBy` that the user has set, instead of flowenv's own.
    """
    for desired in DESIRED:
        arns = list(list_tasks(aws, cluster, desiredStatus=desired))
        for task in describe_tasks(aws, cluster, arns):
            if identity := Identity.of(task, own_started_by):
                yield task, identity
