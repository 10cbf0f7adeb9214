"""The environment variables that a container finds.

Beside those of the definition, the overrides and the image, ECS sets some of its own:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
"""

from collections.abc import Mapping

from rigs.podnet import pod_network_environment

from .containers import MARKER
from .images import Image
from .records import Container, Task


class ContainerEnvironment:
    """Builds environments for a rig that is reached at `url`, or by AWS's names.

    `names` are the variables for those names; without any it is the URL.
    """

    def __init__(self, url: str, names: Mapping[str, str]) -> None:
        self._url = url
        self._names = names

    def of(
        self, task: Task, container: Container, image: Image, secrets: Mapping[str, str]
    ) -> dict[str, str]:
        """Later layers win: image, ECS, definition, secrets, overrides; the rig's own come last."""
        variables = {
            **image.environment,
            **self._of_ecs(task, container),
            **_pairs(container.definition),
            **secrets,
            **_pairs(container.override),
            **(self._names or {"AWS_ENDPOINT_URL": self._url}),
            # There is no instance metadata on Fargate, and nothing but loopback in these tests.
            "AWS_EC2_METADATA_DISABLED": "true",
            MARKER: f"{task.arn}/{container.name}",
        }
        if task.interface is None:
            return variables
        return variables | pod_network_environment(
            self._url, task.interface.address, task.interface.private_dns_name, variables
        )

    def _of_ecs(self, task: Task, container: Container) -> dict[str, str]:
        variables = {
            "AWS_REGION": task.region,
            "AWS_DEFAULT_REGION": task.region,
            "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE" if task.fargate else "AWS_ECS_EC2",
            "ECS_CONTAINER_METADATA_URI_V4": (
                f"{self._url}/_rig/metadata/{task.id}/{container.name}"
            ),
        }
        if task.role_arn:
            # On AWS a relative address; the rig has only its own port to offer.
            variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = (
                f"{self._url}/_rig/credentials/{task.id}"
            )
        return variables


def _pairs(described: Mapping[str, object]) -> dict[str, str]:
    entries = described.get("environment") or []
    assert isinstance(entries, list)
    return {entry["name"]: entry["value"] for entry in entries}
