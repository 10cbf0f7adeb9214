"""What a rig tells its own containers: names, the task's metadata, the task role's credentials."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from .errors import Answer, json_answer
from .records import Task
from .registry import TaskRegistry

OWN_CREDENTIALS = "container-credentials"
"""Where processes that are no task of the rig find credentials, with `CONTAINER_TOKEN`."""
CONTAINER_TOKEN = "container token of the rig"


class Metadata:
    """Answers below `/_rig/`."""

    def __init__(self, registry: TaskRegistry) -> None:
        self._registry = registry

    def answer(self, environ: Mapping[str, Any]) -> Answer:
        """Answer `resolve?host=…`, `metadata/TASK/CONTAINER[/task]` or `credentials/TASK`.

        `container-credentials` are those of a container that isn't the rig's.
        """
        kind, *rest = environ["PATH_INFO"].removeprefix("/_rig/").split("/")
        if kind == "resolve":
            host = parse_qs(environ.get("QUERY_STRING", "")).get("host", [""])[0]
            return json_answer({"ip": self._address(host)})
        if kind == OWN_CREDENTIALS:
            if environ.get("HTTP_AUTHORIZATION") != CONTAINER_TOKEN:
                return json_answer({"message": "not authorized"}, 401)
            return json_answer(_credentials("AKIARIG"))
        task = self._registry.find(rest[0]) if rest else None
        if task is None:
            return json_answer({"message": "no such task"}, 404)
        if kind == "credentials" and task.role_arn:
            key_id = f"ASIARIG{task.id[:13].upper()}"
            return json_answer({"RoleArn": task.role_arn, **_credentials(key_id)})
        if kind == "metadata":
            return json_answer(_task(task) if rest[-1] == "task" else _container(task, rest[1]))
        return json_answer({"message": "not found"}, 404)

    def _address(self, host: str) -> str | None:
        """The address behind a task's private DNS name."""
        for task in self._registry.visible():
            if task.interface and task.interface.private_dns_name == host:
                return task.interface.address
        return None


def _credentials(key_id: str) -> dict[str, str]:
    expiration = datetime.now(UTC) + timedelta(hours=6)
    return {
        "AccessKeyId": key_id,
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
