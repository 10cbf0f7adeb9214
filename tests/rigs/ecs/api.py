"""The ECS operations that the rig answers itself, as moto's tasks neither run nor end."""

import threading
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from .clusters import Clusters
from .errors import AwsError
from .faults import CAPACITY_UNAVAILABLE, Fault, Faults, started_by_alone
from .lifecycle import Lifecycle
from .moto_backend import Moto
from .network import Network
from .paging import page
from .placement import ContainerInstances, Place, Wanted, choose_places
from .records import Task
from .registry import TaskRegistry
from .requests import ApiCall
from .run_parameters import check_against_definition, check_run_parameters
from .runner import Runner
from .tags import TaskTags, tags_of_task
from .task_definitions import TaskDefinitions
from .tokens import ClientTokens, check_token

# `startedBy` has to be the only filter, says ListTasks in botocore; seen with these. Programs that
# send it with `desiredStatus` are widespread (Airflow's operator is one), so that is taken; the
# fault `started_by_alone` refuses it too.
_NOT_WITH_STARTED_BY = ("family", "launchType", "containerInstance", "serviceName")

Operation = Callable[[ApiCall], dict[str, Any]]


class EcsApi:
    """RunTask, DescribeTasks, ListTasks and StopTask; what it gathers of others is theirs."""

    def __init__(
        self,
        moto: Moto,
        registry: TaskRegistry,
        lifecycle: Lifecycle,
        network: Network,
        faults: Faults,
        runner: Runner,
    ) -> None:
        self._moto = moto
        self._registry = registry
        self._lifecycle = lifecycle
        self._network = network
        self._faults = faults
        self._runner = runner
        self._tokens = ClientTokens()
        self._clusters = Clusters(moto, registry)
        self._definitions = TaskDefinitions(moto)
        self._instances = ContainerInstances(moto)
        self._tags = TaskTags(moto, registry)
        self._running = threading.Lock()

    def operations(self) -> dict[str, Operation]:
        """The operations by name; every other one is moto's."""
        return {
            "RunTask": self.run_task,
            "DescribeTasks": self.describe_tasks,
            "ListTasks": self.list_tasks,
            "StopTask": self.stop_task,
            "StartTask": _not_offered,
            **self._tags.operations(),
            **self._clusters.operations(),
            **self._definitions.operations(),
        }

    def run_task(self, call: ApiCall) -> dict[str, Any]:
        """Start up to ten tasks, or say again which ones a client token has started."""
        parameters = call.parameters
        cluster = self._clusters.active(parameters.get("cluster"), call.region)
        token = parameters.get("clientToken")
        if token is not None:
            check_token(token)
        with self._running:
            if token is not None:
                known = self._tokens.tasks_of(
                    call.region, cluster["clusterName"], token, parameters
                )
                if known is not None:
                    return {"tasks": self._shown(known, cluster["clusterName"]), "failures": []}
            tasks, failures = self._make_tasks(call, cluster)
            if token is not None and tasks:
                arns = [task.arn for task in tasks]
                self._tokens.remember(call.region, cluster["clusterName"], token, parameters, arns)
            with self._registry.reading():
                shown = [task.describe() for task in tasks]
        for task in tasks:
            self._runner.start(task)
        return {"tasks": shown, "failures": failures}

    def refuse_for_capacity(self, call: ApiCall, fault: Fault) -> dict[str, Any]:
        """RunTask's answer when there is no room: nothing started, one failure a task."""
        failure = {"reason": fault.reason or CAPACITY_UNAVAILABLE}
        return {"tasks": [], "failures": [failure] * call.parameters.get("count", 1)}

    def deny_tasks(self, call: ApiCall, _fault: Fault) -> dict[str, Any]:
        """DescribeTasks' answer while it doesn't know yet of new tasks."""
        return {"tasks": [], "failures": [_missing(task) for task in _wanted_tasks(call)]}

    def describe_tasks(self, call: ApiCall) -> dict[str, Any]:
        """Show up to a hundred tasks; those that aren't there are MISSING."""
        cluster = self._clusters.find(call.parameters.get("cluster"), call.region)["clusterName"]
        with_tags = "TAGS" in (call.parameters.get("include") or [])
        tasks, failures = [], []
        for wanted in _wanted_tasks(call):
            found = self._registry.find(wanted, cluster)
            if found is None:
                failures.append(_missing(wanted))
                continue
            self._runner.described(found)
            with self._registry.reading():
                tasks.append(found.describe(with_tags=with_tags))
        return {"tasks": tasks, "failures": failures}

    def list_tasks(self, call: ApiCall) -> dict[str, Any]:
        """List tasks by filters; without `desiredStatus` those that shall run."""
        wanted = call.parameters
        if wanted.get("startedBy") and any(wanted.get(name) for name in _NOT_WITH_STARTED_BY):
            raise started_by_alone(call)
        cluster = self._clusters.find(wanted.get("cluster"), call.region)["clusterName"]
        desired = wanted.get("desiredStatus", "RUNNING")
        arns = [
            task.arn
            for task in self._registry.visible()
            if task.cluster == cluster
            and task.region == call.region
            and task.desired_status == desired
            and wanted.get("family") in (None, task.family)
            and wanted.get("startedBy") in (None, task.started_by)
            and wanted.get("launchType") in (None, task.launch_type)
            and wanted.get("containerInstance") in (None, task.container_instance_arn)
        ]
        return page("taskArns", arns, wanted)

    def stop_task(self, call: ApiCall) -> dict[str, Any]:
        """Ask a task to stop. Its tags are deleted, as StopTask in botocore says."""
        cluster = self._clusters.find(call.parameters.get("cluster"), call.region)["clusterName"]
        task = self._registry.find(call.parameters["task"], cluster)
        if task is None:
            # github.com/griptape-ai/griptape-nodes-engine/issues/1454
            raise AwsError("InvalidParameterException", "The referenced task was not found")
        if task.status != "STOPPED":
            # No public source for the words that ECS uses where no reason is given was found.
            reason = call.parameters.get("reason") or "(rig) Task stopped by user"
            self._lifecycle.want_stopped(task, "UserInitiated", reason)
            self._runner.stop(task)
        with self._registry.changing(task):
            task.tags = []
            return {"task": task.describe()}

    def _make_tasks(
        self, call: ApiCall, cluster: Mapping[str, Any]
    ) -> tuple[list[Task], list[dict[str, str]]]:
        parameters = call.parameters
        check_run_parameters(parameters)
        places = choose_places(parameters, cluster, partial(self._moto.scales, call.region))
        definition, definition_tags = self._definitions.to_run(
            parameters["taskDefinition"], call.region
        )
        check_against_definition(parameters, definition, places[0].launch_type)
        tags = tags_of_task(parameters, cluster, definition_tags)
        zone = f"{call.region}a"
        if definition.get("networkMode") == "awsvpc":
            zone = self._network.check(parameters["networkConfiguration"], call.region)
        distinct = any(
            constraint["type"] == "distinctInstance"
            for constraint in parameters.get("placementConstraints") or []
        )
        tasks: list[Task] = []
        failures: list[dict[str, str]] = []
        for place in places:
            find = partial(
                self._instances.place,
                Wanted(definition, place.launch_type, _group(parameters, definition), distinct),
                cluster["clusterName"],
                call.region,
            )
            instance = None
            if not (place.fargate or place.waits):
                instance, lacking = find(self._registry.visible())
                if instance is None:
                    failures += lacking
                    continue
            task = self._new_task(call, cluster, definition, place, instance, tags, zone)
            if place.waits:
                task.find_instance = find
            task.status = self._lifecycle.first_status(task)
            task.history.append(task.status)
            self._registry.add(task)
            tasks.append(task)
        return tasks, failures

    def _new_task(
        self,
        call: ApiCall,
        cluster: Mapping[str, Any],
        definition: Mapping[str, Any],
        place: Place,
        instance: str | None,
        tags: list[dict[str, str]],
        zone: str,
    ) -> Task:
        parameters = call.parameters
        task_id, arn = self._new_id(cluster, call.region)
        interface = None
        if definition.get("networkMode") == "awsvpc":
            interface = self._network.attach(parameters["networkConfiguration"], call.region)
        return Task(
            id=task_id,
            arn=arn,
            region=call.region,
            cluster=cluster["clusterName"],
            cluster_arn=cluster["clusterArn"],
            definition=definition,
            launch_type=place.launch_type,
            overrides=parameters.get("overrides") or {},
            group=_group(parameters, definition),
            started_by=parameters.get("startedBy") or "",
            tags=list(tags),
            availability_zone=zone,
            capacity_provider=place.capacity_provider,
            container_instance_arn=instance,
            interface=interface,
            enable_execute_command=bool(parameters.get("enableExecuteCommand")),
            fault=self._faults.strike_task(),
        )

    def _new_id(self, cluster: Mapping[str, Any], region: str) -> tuple[str, str]:
        """A task's id and ARN: 32 hexadecimal digits, or, in the old format, with dashes.

        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html
        """
        made = uuid.uuid4()
        settings = self._moto.call(
            "ecs", "ListAccountSettings", {"name": "taskLongArnFormat"}, region
        )["settings"]
        if any(setting["value"] == "disabled" for setting in settings):
            account = cluster["clusterArn"].partition(":cluster/")[0]
            return str(made), f"{account}:task/{made}"
        return made.hex, f"{cluster['clusterArn'].replace(':cluster/', ':task/', 1)}/{made.hex}"

    def _shown(self, arns: list[str], cluster: str) -> list[dict[str, Any]]:
        found = [self._registry.find(arn, cluster) for arn in arns]
        with self._registry.reading():
            return [task.describe() for task in found if task is not None]


def _group(parameters: Mapping[str, Any], definition: Mapping[str, Any]) -> str:
    return str(parameters.get("group") or f"family:{definition['family']}")


def _wanted_tasks(call: ApiCall) -> list[str]:
    wanted: list[str] = call.parameters.get("tasks") or []
    if not wanted:
        # github.com/sil-org/ecs-deploy/issues/63
        raise AwsError("InvalidParameterException", "Tasks cannot be empty.")
    if len(wanted) > 100:
        # github.com/gchq/sleeper/issues/555
        raise AwsError("InvalidParameterException", "taskIds can have at most 100 items.")
    return wanted


def _missing(task: str) -> dict[str, str]:
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html
    return {"arn": task, "reason": "MISSING"}


def _not_offered(call: ApiCall) -> dict[str, Any]:
    raise AwsError("UnsupportedFeatureException", f"(rig) The rig doesn't offer {call.operation}.")
