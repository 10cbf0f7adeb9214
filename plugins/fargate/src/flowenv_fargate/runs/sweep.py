"""What is left of runs that are over: tasks that never ran, payloads, generated definitions.

Only what carries flowenv's own marks is ever touched.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterator
from typing import Any

from flowenv.errors import FlowenvError
from flowenv.plugin import Leftover, State
from flowenv_fargate.environment import FargateTaskEnvironment
from flowenv_fargate.runs import s3_payload
from flowenv_fargate.runs.account import Account, account_of, cluster_of
from flowenv_fargate.runs.diagnosis import DEADLINE_MARK, diagnose
from flowenv_fargate.runs.tasks import flow_tasks
from flowenv_fargate.spec.build import payload_place
from flowenv_fargate.spec.tags import SPEC_HASH
from flowenv_fargate.spec.task_definition import is_generated

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
    tasks = list(flow_tasks(account.aws, cluster))
    families = set()
    living = set()
    for task, identity in tasks:
        families.add(str(task["taskDefinitionArn"]).rpartition("/")[2].partition(":")[0])
        if task.get("lastStatus") != "STOPPED":
            living.add(identity.run_id)
        age = _age(task.get("createdAt"))
        stuck = diagnose(task, identity.container).state is State.STARTING
        if stuck and age > max(older_than, environment.start_timeout):
            leftover = Leftover("task", task["taskArn"], identity.run_id, age)
            stop = _stopper(account, cluster, task["taskArn"], age)
            yield _removed(leftover, stop) if delete else leftover
    if place := payload_place(environment):
        for stored in s3_payload.stored(account.aws, place):
            age = _age(stored.changed)
            if age > older_than and stored.run_id not in living:
                leftover = Leftover("payload", stored.url, stored.run_id, age)
                yield _removed(leftover, _remover(account, stored.url)) if delete else leftover
    yield from _definitions(account, families, older_than, delete)


def _definitions(
    account: Account, in_use: set[str], older_than: float, delete: bool
) -> Iterator[Leftover]:
    """Definitions with generated names that no task uses; a run that needs one registers it."""
    for family in _families(account):
        if family in in_use or not is_generated(family):
            continue
        found = account.definitions.describe(family)
        if found is None or SPEC_HASH not in found[1]:
            continue
        age = _age(found[0].get("registeredAt"))
        if age > older_than:
            arn = found[0]["taskDefinitionArn"]
            leftover = Leftover("task definition", arn.rpartition("/")[2], "", age)
            yield _removed(leftover, _deregisterer(account, arn)) if delete else leftover


def _families(account: Account) -> Iterator[str]:
    wanted: dict[str, Any] = {"familyPrefix": _PREFIX, "status": "ACTIVE"}
    while True:
        answer = account.aws.call("ecs", "ListTaskDefinitionFamilies", wanted)
        yield from answer.get("families") or []
        if not answer.get("nextToken"):
            return
        wanted["nextToken"] = answer["nextToken"]


def _age(moment: Any) -> float:
    return _now() - moment.timestamp() if isinstance(moment, datetime.datetime) else 0.0


def _now() -> float:
    return datetime.datetime.now(datetime.UTC).timestamp()


def _removed(leftover: Leftover, remove: Callable[[], object]) -> Leftover:
    try:
        remove()
    except FlowenvError as error:
        return dataclasses.replace(leftover, problem=str(error))
    return dataclasses.replace(leftover, removed=True)


def _stopper(account: Account, cluster: str, arn: str, age: float) -> Callable[[], object]:
    reason = f"{DEADLINE_MARK} {age:.0f} seconds (swept)"
    parameters = {"cluster": cluster, "task": arn, "reason": reason}
    return lambda: account.aws.call("ecs", "StopTask", parameters)


def _remover(account: Account, url: str) -> Callable[[], object]:
    return lambda: s3_payload.remove(account.aws, url)


def _deregisterer(account: Account, arn: str) -> Callable[[], object]:
    def deregister() -> None:
        account.aws.call("ecs", "DeregisterTaskDefinition", {"taskDefinition": arn})
        account.definitions.forget()

    return deregister
