"""What a rig tells its own containers: names, the task's metadata, the task role's credentials."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from .errors import Answer, json_answer
from .records import Task
from .registry import TaskRegistry


class Metadata:
    """Answers below `/_rig/`."""

    def __init__(self, registry: TaskRegistry) -> None:
        self._registry = registry

    def answer(self, environ: Mapping[str, Any]) -> Answer:
        """Answer `resolve?host=…`, `metadata/TASK/CONTAINER[/task]` or `credentials/TASK`."""
        kind, *rest = environ["PATH_INFO"].removeprefix("/_rig/").split("/")
        if kind == "resolve":
            host = parse_qs(environ.get("QUERY_STRING", "")).get("host", [""])[0]
            return json_answer({"ip": self._address(host)})
        task = self._registry.find(rest[0]) if rest else None
        if task is None:
            return json_answer({"message": "no such task"}, 404)
        if kind == "credentials" and task.role_arn:
            return json_answer(_credentials(task))
        if kind == "metadata":
            return json_answer(_task(task) if rest[-1] == "task" else _container(task, rest[1]))
        return json_answer({"message": "not found"}, 404)

    def _address(self, host: str) -> str | None:
        """The address behind a task's private DNS name."""
        for task in self._registry.visible():
            if task.interface and task.interface.private_dns_name == host:
                return task.interface.address
        return None


def _credentials(task: Task) -> dict[str, str]:
    expiration = datetime.now(UTC) + timedelta(hours=6)
    return {
        "RoleArn": str(task.role_arn),
        "AccessKeyId": f"ASIARIG{task.id[:13].upper()}",
        "SecretAccessKey": "rig",
        "Token": "rig",
        "Expiration": expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


# The members that programs read, of
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html
def _task(task: Task) -> dict[str, Any]:
    return {
        "Cluster": task.cluster_arn,
        "TaskARN": task.arn,
        "Family": task.family,
        "Revision": str(task.definition["revision"]),
        "DesiredStatus": task.desired_status,
        "KnownStatus": task.status,
        "LaunchType": task.launch_type,
        "AvailabilityZone": task.availability_zone,
        "Containers": [_container(task, container.name) for container in task.containers],
    }


def _container(task: Task, name: str) -> dict[str, Any]:
    container = next(c for c in task.containers if c.name == name)
    return {
        "DockerId": container.runtime_id,
        "Name": container.name,
        "Image": container.definition["image"],
        "ContainerARN": container.arn,
        "KnownStatus": container.status,
        "Labels": {
            "com.amazonaws.ecs.cluster": task.cluster_arn,
            "com.amazonaws.ecs.container-name": container.name,
            "com.amazonaws.ecs.task-arn": task.arn,
        },
    }
