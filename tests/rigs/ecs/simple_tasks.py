"""A short way to register and run tasks in tests, where their details don't matter."""

from collections.abc import Mapping, Sequence
from typing import Any

from .account import Account
from .rig import EcsRig


class SimpleTasks:
    """Registers Fargate task definitions of one container, `main`, and runs them.

    Example:
        tasks = SimpleTasks(rig)
        task = tasks.run(["python", "-c", "print(1)"])
        rig.tasks.wait(task)
        assert tasks.lines(task) == ["1"]
    """

    def __init__(self, rig: EcsRig, account: Account | None = None, image: str = "flow:1") -> None:
        self.rig = rig
        self.account = account or rig.prepare()
        self.image = image
        self.ecs = rig.client("ecs")
        self._logs = rig.client("logs")

    def container(self, **changes: Any) -> dict[str, Any]:
        """A container definition that logs to the account's log group."""
        return {
            "name": "main",
            "image": self.image,
            "logConfiguration": self.account.log_configuration(),
            **changes,
        }

    def register(self, family: str = "simple", **changes: Any) -> str:
        """Register a revision; returns its ARN."""
        parameters = {
            "family": family,
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "executionRoleArn": self.account.execution_role_arn,
            "containerDefinitions": [self.container()],
            **changes,
        }
        definition = self.ecs.register_task_definition(**parameters)["taskDefinition"]
        return str(definition["taskDefinitionArn"])

    def request(
        self,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        """RunTask's parameters for a task of family `simple`."""
        override: dict[str, Any] = {"name": "main"}
        if command:
            override["command"] = list(command)
        if environment:
            override["environment"] = [
                {"name": name, "value": value} for name, value in environment.items()
            ]
        return {
            "cluster": self.account.cluster,
            "taskDefinition": "simple",
            "launchType": "FARGATE",
            "networkConfiguration": self.account.network_configuration,
            "overrides": {"containerOverrides": [override]},
            **changes,
        }

    def run(
        self,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        **changes: Any,
    ) -> str:
        """Run a task; returns its ARN. Registers `simple` first where it isn't there."""
        request = self.request(command, environment, **changes)
        family = {"familyPrefix": "simple"}
        if (
            request["taskDefinition"] == "simple"
            and not self.ecs.list_task_definitions(**family)["taskDefinitionArns"]
        ):
            self.register()
        answer = self.ecs.run_task(**request)
        return str(answer["tasks"][0]["taskArn"])

    def describe(self, *tasks: str, **parameters: Any) -> list[dict[str, Any]]:
        """DescribeTasks, with tags."""
        answer = self.ecs.describe_tasks(
            cluster=self.account.cluster, tasks=list(tasks), include=["TAGS"], **parameters
        )
        found: list[dict[str, Any]] = answer["tasks"]
        return found

    def lines(self, task: str, container: str = "main") -> list[str]:
        """What the container has written to its log so far."""
        answer = self._logs.get_log_events(
            logGroupName=self.account.log_group,
            logStreamName=f"run/{container}/{task.rpartition('/')[2]}",
            startFromHead=True,
        )
        return [event["message"] for event in answer["events"]]
