"""What ECS makes of a task definition when it stores it: it isn't what was sent.

Defaults are filled in, roles become ARNs, and lists whose order means nothing come back in
another one.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from .definitions import is_fargate_size

# That environment variables come back in another order, the same one every time:
# github.com/aws/aws-sdk-java/issues/3043 and github.com/PrefectHQ/prefect/issues/18306. Whether
# ECS does so with each of the others isn't documented; that it keeps their order isn't either.
_UNORDERED = (
    "environment",
    "secrets",
    "portMappings",
    "mountPoints",
    "volumesFrom",
    "extraHosts",
    "ulimits",
)
_ROLES = ("taskRoleArn", "executionRoleArn")


def as_stored(parameters: Mapping[str, Any], account_id: str) -> dict[str, Any]:
    """RegisterTaskDefinition's parameters with what ECS adds, in the order in which it keeps them.

    Args:
        parameters: of the request.
        account_id: the account whose role a short role name means.
    """
    result = {key: value for key, value in parameters.items() if value not in (None, "")}
    for name in _ROLES:
        role = result.get(name)
        if role and not role.startswith("arn:"):
            # github.com/aws-actions/amazon-ecs-render-task-definition/issues/19
            result[name] = f"arn:aws:iam::{account_id}:role/{role}"
    awsvpc = result.get("networkMode") == "awsvpc"
    result["containerDefinitions"] = [
        _container(container, awsvpc) for container in result["containerDefinitions"]
    ]
    return result


def compatibilities(parameters: Mapping[str, Any]) -> list[str]:
    """Where the definition can run, as DescribeTaskDefinition tells it.

    `compatibilities` of TaskDefinition in botocore: ECS validates against all launch types.
    """
    if parameters.get("networkMode") != "awsvpc":
        # External instances and Fargate exclude each other here:
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-anywhere.html
        return ["EXTERNAL", "EC2"]
    if is_fargate_size(parameters.get("cpu"), parameters.get("memory")):
        return ["EC2", "FARGATE"]  # github.com/fabfuel/ecs-deploy/issues/50
    return ["EC2"]


def in_another_order(values: list[Any]) -> list[Any]:
    """The same values in an order of the service's own: always the same, never the one sent."""
    if len(values) < 2:
        return values
    ordered = sorted(values, key=lambda value: hashlib.sha256(_text(value)).digest())
    return ordered if ordered != values else ordered[::-1]


def _container(container: Mapping[str, Any], awsvpc: bool) -> dict[str, Any]:
    """A container definition as it is stored; moto adds the defaults of `cpu` and `essential`."""
    result = {"systemControls": [], **container}
    for mapping in (ports := [dict(m) for m in container.get("portMappings") or []]):
        mapping.setdefault("protocol", "tcp")
        if "containerPort" in mapping:
            # `hostPort` of PortMapping in botocore
            mapping.setdefault("hostPort", mapping["containerPort"] if awsvpc else 0)
    if ports:
        result["portMappings"] = ports
    if result.get("firelensConfiguration"):
        result.setdefault("user", "0")  # github.com/eagletmt/hako/pull/93
    for name in _UNORDERED:
        if result.get(name):
            result[name] = in_another_order(result[name])
    log = result.get("logConfiguration")
    if log and log.get("secretOptions"):
        options = in_another_order(log["secretOptions"])
        result["logConfiguration"] = {**log, "secretOptions": options}
    return result


def _text(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
