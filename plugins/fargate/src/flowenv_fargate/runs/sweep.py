"""What is left of runs that are over: tasks that never ran, what is in S3, and definitions.

Only what carries flowenv's own marks, and those of the environment's cluster, is ever touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from flowenv.plugin import Leftover, State, seconds_since
from flowenv_fargate.environment import FargateTaskEnvironment
from flowenv_fargate.runs import s3_payload
from flowenv_fargate.runs.account import Account, account_of, cluster_of
from flowenv_fargate.runs.diagnosis.status import DEADLINE_MARK, diagnose
from flowenv_fargate.runs.shared_objects import KEPT, shared_objects
from flowenv_fargate.runs.tasks import flow_tasks
from flowenv_fargate.spec.definition.identity import is_generated
from flowenv_fargate.spec.places import payload_place
from flowenv_fargate.spec.shared_objects import KINDS, names_used
from flowenv_fargate.spec.tags import CLUSTER, Identity, Task, cluster_tag

_PREFIX = "flowenv-"


def sweep(
    environment: FargateTaskEnvironment, older_than: float, delete: bool
) -> Iterator[Leftover]:
    """Find, and remove if told to, what runs in the environment's cluster have left.

    Args:
        environment: where to look.
        older_than: seconds; younger things are left alone.
        delete: True to remove what is found.
    """
    account, cluster = account_of(environment), cluster_of(environment)
    tasks = list(flow_tasks(account.aws, cluster, environment.kwargs.get("startedBy")))
    for task, identity in tasks:
        state, age = diagnose(task, identity.container).state, seconds_since(task.get("createdAt"))
        is_late = age > max(older_than, environment.start_timeout)
        if is_late and state in (State.SUBMITTED, State.STARTING):
            arn, run_id, labels = task["taskArn"], identity.run_id, identity.labels
            whose = identity.submitter
            leftover = Leftover("task", arn, run_id, age, submitter=whose, labels=labels)
            yield leftover.swept(partial(_stop, account, cluster, arn, age), delete)
    if place := payload_place(environment):
        living = [pair for pair in tasks if pair[0].get("lastStatus") != "STOPPED"]
        yield from _in_s3(account, place, cluster, living, older_than, delete)
    arns = (str(task["taskDefinitionArn"]) for task, _ in tasks)
    families = {arn.rpartition("/")[2].partition(":")[0] for arn in arns}
    yield from _definitions(account, cluster, families, older_than, delete)


def _in_s3(
    account: Account,
    place: str,
    cluster: str,
    living: Sequence[tuple[Task, Identity]],
    older_than: float,
    delete: bool,
) -> Iterator[Leftover]:
    """Payloads of runs that are over, and what no living run shares."""
    who = account.aws.call("sts", "GetCallerIdentity")["Account"]
    arn = f"arn:aws:ecs:{account.aws.region}:{who}:cluster"
    folder = s3_payload.folder(place, arn, cluster)
    runs = {identity.run_id for _, identity in living}
    for stored in s3_payload.stored(account.aws, folder):
        age = seconds_since(stored.changed)
        if age > older_than and stored.run_id not in runs:
            leftover = Leftover("payload", stored.url, stored.run_id, age)
            yield leftover.swept(partial(s3_payload.remove, account.aws, stored.url), delete)
    used = {name for task, _ in living for name in names_used(task)}
    yield from _unused_objects(account, folder, used, older_than, delete)


def _unused_objects(
    account: Account, folder: str, used: set[str], older_than: float, delete: bool
) -> Iterator[Leftover]:
    """What runs shared none of which is living: flowenv, and the common part of a batch.

    One that isn't a day old is left alone: the next run needs it.
    """
    for kind in KINDS.values():
        for stored in shared_objects(account.aws, folder, kind):
            age = seconds_since(stored.changed)
            if stored.name not in used and age > max(older_than, KEPT):
                leftover = Leftover(kind.word, stored.url, "", age)
                yield leftover.swept(partial(account.shared.remove, stored.url), delete)


def _definitions(
    account: Account, cluster: str, in_use: set[str], older_than: float, delete: bool
) -> Iterator[Leftover]:
    """The cluster's definitions with generated names that no task uses.

    A run that needs one registers it.
    """
    for family in _families(account):
        if family in in_use or not is_generated(family):
            continue
        found = account.definitions.describe(family)
        if found is None or found[1].get(CLUSTER) != cluster_tag(cluster):
            continue
        age = seconds_since(found[0].get("registeredAt"))
        if age > older_than:
            arn = found[0]["taskDefinitionArn"]
            leftover = Leftover("task definition", arn.rpartition("/")[2], "", age)
            yield leftover.swept(partial(_deregister, account, arn), delete)


def _families(account: Account) -> Iterator[str]:
    wanted: dict[str, Any] = {"familyPrefix": _PREFIX, "status": "ACTIVE"}
    while True:
        answer = account.aws.call("ecs", "ListTaskDefinitionFamilies", wanted)
        yield from answer.get("families") or []
        if not answer.get("nextToken"):
            return
        wanted["nextToken"] = answer["nextToken"]


def _stop(account: Account, cluster: str, arn: str, age: float) -> None:
    reason = f"{DEADLINE_MARK} {age:.0f} seconds (swept)"
    account.aws.call("ecs", "StopTask", {"cluster": cluster, "task": arn, "reason": reason})


def _deregister(account: Account, arn: str) -> None:
    account.aws.call("ecs", "DeregisterTaskDefinition", {"taskDefinition": arn})
    account.definitions.forget()
