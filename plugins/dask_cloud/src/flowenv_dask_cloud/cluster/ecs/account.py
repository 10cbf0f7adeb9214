"""What runs have made in an AWS account: found by their tags, and removed."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from flowenv.plugin import Leftover, moment, seconds_since
from flowenv_dask_cloud.api import clients, code_of, refused
from flowenv_dask_cloud.cluster.leftovers import UNSEEN
from flowenv_dask_cloud.spec.tags import (
    CREATED,
    LOG_PREFIX,
    RUN_ID,
    STARTED_BY,
    SUBMITTER,
    cluster_name,
)

_DEFAULT_LOG_GROUP = "dask-ecs"
_FAMILY_PREFIX = ROLE_PREFIX = "dask-"
_TASK = "ECS task"
"""What is known by its `startedBy`, and has no name."""
_RETRY_FOR = 60.0
"""Seconds for which something that is still in use is tried again."""
_IN_USE = ("DependencyViolation", "ClusterContainsTasksException", "DeleteConflict")
_GONE = ("ClusterNotFoundException", "NoSuchEntity", "InvalidGroup.NotFound", "ResourceNotFound")


@dataclass
class Thing:
    """Something in the account that a run made.

    Args:
        kind: the platform's word for it.
        name: its name there.
        run_id: the run.
        created: when, as far as it is known.
        remove: removes it.
        submitter: who submitted the run, if the thing says so.
    """

    kind: str
    name: str
    run_id: str
    created: datetime.datetime | None
    remove: Callable[[], object]
    submitter: str = ""

    def leftover(self, *, removed: bool = False, problem: str = "") -> Leftover:
        """The thing as a sweep reports it."""
        age = seconds_since(self.created) if self.created else None
        return Leftover(
            self.kind, self.name, self.run_id, age, removed, problem, submitter=self.submitter
        )


class Account:
    """An AWS account as the provider's arguments name it.

    Args:
        arguments: the provider's arguments, secrets in the clear.
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        import dask.config

        configured = dask.config.get("cloudprovider.ecs", {})

        def value(name: str) -> Any:
            return arguments.get(name) or configured.get(name) or None

        keys = ("aws_access_key_id", "aws_secret_access_key")
        # a key is never used with another's secret
        given = arguments if any(arguments.get(name) for name in keys) else configured
        options = {name: given.get(name) or None for name in keys}
        self.client = clients(**options, region_name=value("region_name"))
        """Gives the client of an AWS service."""
        self._log_group = value("cloudwatch_logs_group") or _DEFAULT_LOG_GROUP
        self._own_cluster = value("cluster_arn")
        self._own_name = str(arguments.get("name") or "")
        self.unseen: list[Leftover] = []
        """What we were not allowed to look for."""

    # -- tasks --------------------------------------------------------------------------

    def tasks(self) -> list[dict[str, Any]]:
        """The tasks of all runs, also those that have stopped and are still shown."""
        clusters = [arn for arn, _ in self._clusters()]
        clusters += [self._own_cluster] if self._own_cluster else []
        return [task for cluster in clusters for task in self._tasks_in(cluster)]

    def _tasks_in(self, cluster: str) -> Iterator[dict[str, Any]]:
        ecs = self.client("ecs")
        for desired in ("RUNNING", "STOPPED"):
            pages = ecs.get_paginator("list_tasks").paginate(cluster=cluster, desiredStatus=desired)
            for page in pages:
                if arns := page["taskArns"]:
                    found = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]
                    yield from (t for t in found if run_of(t))

    # -- things -------------------------------------------------------------------------

    def things(self, is_wanted: Callable[[str], bool], name: str = "") -> Iterator[Thing]:
        """What there is of the wanted runs, in the order in which it can be removed.

        Args:
            is_wanted: takes a run's id.
            name: the cluster's name, if only one is wanted: roles are then looked up by it.
        """
        sources = {
            "ECS tasks": self._running(),
            "ECS clusters": self._clusters_things(),
            "security groups": self._groups(),
            "IAM roles": self._roles(name),
            "task definitions": self._definitions(name),
        }
        for kind, source in sources.items():
            found = self._allowed(kind, source)
            wanted = (thing for thing in found if is_wanted(thing.run_id))
            # a tag can be copied to anything: only what is named as the run's things are is its own
            yield from (thing for thing in wanted if thing.kind == _TASK or self._is_named(thing))

    def _is_named(self, thing: Thing) -> bool:
        names = filter(None, (cluster_name(thing.run_id), self._own_name))
        return any(f"dask-{name}" in thing.name for name in names)

    def _allowed(self, kind: str, source: Iterator[Thing]) -> Iterator[Thing]:
        """What a source has; that we may not look is kept in `unseen`, and hides no others."""
        try:
            yield from source
        except refused() as error:
            self.unseen.append(Leftover(kind, UNSEEN, problem=str(error)))

    def log_streams(self, is_wanted: Callable[[str], bool], run_id: str = "") -> Iterator[Thing]:
        """The log streams of the wanted runs: their names begin with the run's id."""
        found = self._allowed("log streams", self._streams(run_id))
        yield from (thing for thing in found if is_wanted(thing.run_id))

    def _streams(self, run_id: str) -> Iterator[Thing]:
        logs = self.client("logs")
        pages = logs.get_paginator("describe_log_streams").paginate(
            logGroupName=self._log_group, logStreamNamePrefix=LOG_PREFIX + run_id
        )
        try:
            streams = [one for page in pages for one in page["logStreams"]]
        except refused() as error:
            if code_of(error).startswith("ResourceNotFound"):
                return
            raise
        for stream in streams:
            name = stream["logStreamName"]
            run = name.removeprefix(LOG_PREFIX).partition("/")[0]
            created = datetime.datetime.fromtimestamp(stream["creationTime"] / 1000, datetime.UTC)
            remove = partial(
                logs.delete_log_stream, logGroupName=self._log_group, logStreamName=name
            )
            yield Thing("log stream", f"{self._log_group}/{name}", run, created, remove)

    def remove(self, thing: Thing) -> Leftover:
        """Remove a thing, once nothing uses it any more."""
        deadline = time.monotonic() + _RETRY_FOR
        while True:
            try:
                thing.remove()
            except refused() as error:
                code = code_of(error)
                if code.startswith(_GONE):
                    break
                if code not in _IN_USE or time.monotonic() > deadline:
                    return thing.leftover(problem=str(error))
                time.sleep(1)
            else:
                break
        return thing.leftover(removed=True)

    # -- how each kind is found ---------------------------------------------------------

    def _running(self) -> Iterator[Thing]:
        for task in self.tasks():
            if task["lastStatus"] != "STOPPED":
                yield self._task(task, run_of(task) or "")

    def _task(self, task: dict[str, Any], run: str) -> Thing:
        ecs, arn = self.client("ecs"), task["taskArn"]

        def stop() -> None:
            ecs.stop_task(cluster=task["clusterArn"], task=arn)
            ecs.get_waiter("tasks_stopped").wait(
                cluster=task["clusterArn"],
                tasks=[arn],
                WaiterConfig={"Delay": 1, "MaxAttempts": 90},
            )

        return Thing(_TASK, arn, run, task.get("createdAt"), stop)

    def _clusters(self) -> Iterator[tuple[str, dict[str, str]]]:
        ecs = self.client("ecs")
        for page in ecs.get_paginator("list_clusters").paginate():
            arns = page["clusterArns"]
            found = ecs.describe_clusters(clusters=arns, include=["TAGS"]) if arns else {}
            for cluster in found.get("clusters", []):
                tags = plain(cluster.get("tags"))
                if cluster["status"] != "INACTIVE" and RUN_ID in tags:
                    yield cluster["clusterArn"], tags

    def _clusters_things(self) -> Iterator[Thing]:
        delete = self.client("ecs").delete_cluster
        for arn, tags in self._clusters():
            yield self._thing("ECS cluster", arn, tags, partial(delete, cluster=arn))

    def _groups(self) -> Iterator[Thing]:
        ec2 = self.client("ec2")
        pages = ec2.get_paginator("describe_security_groups").paginate(
            Filters=[{"Name": "tag-key", "Values": [RUN_ID]}]
        )
        for group in (one for page in pages for one in page["SecurityGroups"]):
            remove = partial(ec2.delete_security_group, GroupId=group["GroupId"])
            name = f"{group['GroupName']} ({group['GroupId']})"
            yield self._thing("security group", name, plain(group.get("Tags")), remove)

    def _roles(self, name: str) -> Iterator[Thing]:
        iam = self.client("iam")
        if name:
            names = [f"dask-{name}-execution-role", f"dask-{name}-task-role"]
        else:
            pages = iam.get_paginator("list_roles").paginate()
            roles = (one["RoleName"] for page in pages for one in page["Roles"])
            names = [one for one in roles if one.startswith(ROLE_PREFIX)]
        for role in names:
            try:
                tags = plain(iam.list_role_tags(RoleName=role)["Tags"])
            except refused() as error:
                if code_of(error) == "NoSuchEntity":
                    continue
                raise
            if RUN_ID in tags:
                yield self._thing("IAM role", role, tags, partial(self._delete_role, role))

    def _delete_role(self, role: str) -> None:
        iam = self.client("iam")
        for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=role, PolicyArn=policy["PolicyArn"])
        iam.delete_role(RoleName=role)

    def _definitions(self, name: str) -> Iterator[Thing]:
        ecs = self.client("ecs")
        pages = ecs.get_paginator("list_task_definition_families").paginate(
            familyPrefix=f"{_FAMILY_PREFIX}{name}", status="ACTIVE"
        )
        for family in (one for page in pages for one in page["families"]):
            listed = ecs.list_task_definitions(familyPrefix=family, status="ACTIVE")
            for arn in listed["taskDefinitionArns"]:
                answer = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
                tags = plain(answer.get("tags"))
                if RUN_ID in tags:
                    remove = partial(ecs.deregister_task_definition, taskDefinition=arn)
                    yield self._thing("task definition", arn, tags, remove)

    # -- small things -------------------------------------------------------------------

    def _thing(
        self, kind: str, name: str, tags: Mapping[str, str], remove: Callable[[], object]
    ) -> Thing:
        created, whose = moment(tags.get(CREATED)), tags.get(SUBMITTER, "")
        return Thing(kind, name, tags[RUN_ID], created, remove, whose)


def run_of(task: Mapping[str, Any]) -> str | None:
    """The run that a task belongs to; None if it is none of ours."""
    by = task.get("startedBy") or ""
    return by.removeprefix(STARTED_BY) if by.startswith(STARTED_BY) else None


def is_scheduler(task: Mapping[str, Any]) -> bool:
    """True for the task of a run's scheduler, False for a worker's."""
    containers = (task.get("overrides") or {}).get("containerOverrides") or []
    return any(one.get("name") == "dask-scheduler" for one in containers)


def plain(tags: Any) -> dict[str, str]:
    """AWS's lists of tags as a mapping; services disagree on upper and lower case."""
    pairs = ({key.lower(): value for key, value in tag.items()} for tag in tags or [])
    return {pair["key"]: pair.get("value", "") for pair in pairs}
