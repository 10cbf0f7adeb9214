"""Runs that other processes submitted: picked up, and listed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from flowenv.errors import RunNotFound
from flowenv.plugin import FlowRun, RunSummary, TryAgain, payload_object
from flowenv_fargate.environment import FargateTaskEnvironment
from flowenv_fargate.runs import s3_payload
from flowenv_fargate.runs.account import Account, account_of, cluster_of
from flowenv_fargate.runs.handle import TaskHandle
from flowenv_fargate.runs.tasks import describe_tasks, flow_tasks, tasks_of_run
from flowenv_fargate.spec.build import payload_place
from flowenv_fargate.spec.tags import Identity, Task

LOOKS = 3
"""How often a task is looked for, as a new one can be missing for a moment."""
_ARN = re.compile(r"arn:[^:]+:ecs:([^:]+):[^:]*:task/(?:([^/]+)/)?[0-9a-f]+")


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
    task, identity = _find(account, cluster, reference)
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
    return TaskHandle(
        account,
        cluster,
        task["taskArn"],
        run_id=identity.run_id,
        container=container,
        start_timeout=environment.start_timeout,
        payload_url=_payload_url(environment, cluster, task, identity),
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
    return str(definition["containerDefinitions"][0]["name"])


def _cluster(environment: FargateTaskEnvironment, reference: str) -> str:
    found = _ARN.fullmatch(reference)
    return found[2] if found and found[2] else cluster_of(environment)


def _find(account: Account, cluster: str, reference: str) -> tuple[Task, Identity]:
    def look() -> tuple[Task, Identity]:
        for task in _candidates(account, cluster, reference):
            if identity := Identity.of(task):
                return task, identity
            raise RunNotFound(f"The task {reference} is no run of flowenv's.")
        hint = "Stopped tasks are shown for an hour. Check the cluster and the region."
        absent = RunNotFound(f"ECS shows no run {reference} in the cluster {cluster}.", hint=hint)
        raise TryAgain(absent, tries=LOOKS)

    return account.aws.retries.call(look)


def _candidates(account: Account, cluster: str, reference: str) -> list[Task]:
    if _ARN.fullmatch(reference) or re.fullmatch(r"[0-9a-f]{32}", reference):
        return describe_tasks(account.aws, cluster, [reference])
    if found := list(tasks_of_run(account.aws, cluster, reference)):
        return found
    # the user's own `startedBy` leaves only the tags to find it by
    tasks = flow_tasks(account.aws, cluster)
    return [task for task, identity in tasks if identity.run_id == reference]


def find_runs(environment: FargateTaskEnvironment, labels: Sequence[str]) -> Iterator[RunSummary]:
    """The runs that the environment's cluster shows, newest first.

    Args:
        environment: where to look.
        labels: only runs with all of these.
    """
    account, cluster = account_of(environment), cluster_of(environment)
    found = [
        (task, identity)
        for task, identity in flow_tasks(account.aws, cluster)
        if set(labels) <= set(identity.labels)
    ]
    found.sort(key=lambda pair: str(pair[0].get("createdAt") or ""), reverse=True)
    for task, identity in found:
        handle = _handle(environment, account, cluster, task, identity)
        yield identity.summary(task["taskArn"], handle.judge(task))
