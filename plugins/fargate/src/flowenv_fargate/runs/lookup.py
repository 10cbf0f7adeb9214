"""Runs that other processes submitted: picked up, and listed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from flowenv.errors import RunConflict, RunNotFound
from flowenv.plugin import FlowRun, RunSummary, TryAgain, payload_object
from flowenv_fargate.environment import FargateTaskEnvironment
from flowenv_fargate.runs import s3_payload
from flowenv_fargate.runs.account import Account, account_of, cluster_of
from flowenv_fargate.runs.handle import TaskHandle
from flowenv_fargate.runs.tasks import describe_tasks, flow_tasks, tasks_of_run
from flowenv_fargate.spec.definition.identity import flow_container_name
from flowenv_fargate.spec.places import payload_place
from flowenv_fargate.spec.tags import Identity, Task

LOOKS = 3
"""How often a task is looked for, as a new one can be missing for a moment."""
_ARN = re.compile(r"arn:[^:]+:ecs:([^:]+):[^:]*:task/(?:([^/]+)/)?[0-9a-f-]+")
_TASK_ID = re.compile(r"[0-9a-f-]{32,36}")


def attach(environment: FargateTaskEnvironment, reference: str) -> FlowRun:
    """A run that another process submitted.

    Args:
        environment: where it runs.
        reference: the task's ARN or id, or the run's id.

    Raises:
        RunNotFound: if ECS doesn't show it.
    """
    account = account_of(environment)
    cluster = _cluster(environment, reference)
    task, identity = _find(environment, account, cluster, reference)
    handle = _handle(environment, account, cluster, task, identity)
    return identity.attached(environment, handle)


def _handle(
    environment: FargateTaskEnvironment,
    account: Account,
    cluster: str,
    task: Task,
    identity: Identity,
) -> TaskHandle:
    container = identity.container or _first_container(account, task)
    own = environment.kwargs.get("startedBy")

    def is_claimed_once() -> bool:
        found = _of_run(account, cluster, identity.run_id, own)
        return all(other["taskArn"] == task["taskArn"] for other, _ in found)

    return TaskHandle(
        account,
        cluster,
        task["taskArn"],
        run_id=identity.run_id,
        container=container,
        start_timeout=environment.start_timeout,
        payload_url=_payload_url(environment, cluster, task, identity),
        is_claimed_once=is_claimed_once,
        task=task,
    )


def _payload_url(
    environment: FargateTaskEnvironment, cluster: str, task: Task, identity: Identity
) -> str:
    """Where the payload is, if it is in S3 and this process knows where in S3 it goes."""
    place = payload_place(environment) if identity.has_stored_payload else None
    if place is None:
        return ""
    return payload_object(s3_payload.folder(place, task["taskArn"], cluster), identity.run_id)


def _first_container(account: Account, task: Task) -> str:
    definition = account.definitions.revision(task["taskDefinitionArn"])
    return flow_container_name(definition)


def _cluster(environment: FargateTaskEnvironment, reference: str) -> str:
    found = _ARN.fullmatch(reference)
    return found[2] if found and found[2] else cluster_of(environment)


def _find(
    environment: FargateTaskEnvironment, account: Account, cluster: str, reference: str
) -> tuple[Task, Identity]:
    own = environment.kwargs.get("startedBy")

    def look() -> tuple[Task, Identity]:
        found = _task_named(account, cluster, reference, own) or _of_run(
            account, cluster, reference, own
        )
        if len(found) > 1:
            arns = ", ".join(str(task["taskArn"]) for task, _ in found)
            raise RunConflict(
                f"{len(found)} tasks say that they are the run {reference}: {arns}.",
                hint="Name the one that you mean by its ARN.",
            )
        if found:
            return found[0]
        hint = "Stopped tasks are shown for an hour. Check the cluster and the region."
        absent = RunNotFound(f"ECS shows no run {reference} in the cluster {cluster}.", hint=hint)
        raise TryAgain(absent, tries=LOOKS)

    return account.aws.retries.call(look)


def _task_named(
    account: Account, cluster: str, reference: str, own_started_by: object
) -> list[tuple[Task, Identity]]:
    """The task that a reference names by its ARN or id; old ids look like a run's.

    Raises:
        RunNotFound: if it is somebody else's.
    """
    if not _ARN.fullmatch(reference) and not _TASK_ID.fullmatch(reference):
        return []
    tasks = describe_tasks(account.aws, cluster, [reference])
    found = [(task, one) for task in tasks if (one := Identity.of(task, own_started_by))]
    if tasks and not found:
        raise RunNotFound(
            f"The task {reference} is no run of flowenv's.",
            hint="Runs with a startedBy of your own need an environment that has it, too.",
        )
    return found


def _of_run(
    account: Account, cluster: str, run_id: str, own_started_by: object
) -> list[tuple[Task, Identity]]:
    """The tasks that say they are a run."""
    if not _TASK_ID.fullmatch(run_id):
        return []
    if own_started_by is None:
        tasks = tasks_of_run(account.aws, cluster, run_id)
        return [(task, one) for task in tasks if (one := Identity.of(task))]
    there = flow_tasks(account.aws, cluster, own_started_by)
    return [(task, identity) for task, identity in there if identity.run_id == run_id]


def find_runs(environment: FargateTaskEnvironment, labels: Sequence[str]) -> Iterator[RunSummary]:
    """The runs that the environment's cluster shows, newest first.

    Args:
        environment: where to look.
        labels: only runs with all of these.
    """
    account, cluster = account_of(environment), cluster_of(environment)
    found = [
        (task, identity)
        for task, identity in flow_tasks(account.aws, cluster, environment.kwargs.get("startedBy"))
        if set(labels) <= set(identity.labels)
    ]
    found.sort(key=lambda pair: str(pair[0].get("createdAt") or ""), reverse=True)
    for task, identity in found:
        handle = _handle(environment, account, cluster, task, identity)
        ended = task.get("executionStoppedAt") or task.get("stoppedAt")
        yield identity.summary(
            task["taskArn"], handle.status_of(task), started=task.get("startedAt"), ended=ended
        )
