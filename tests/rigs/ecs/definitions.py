"""What RegisterTaskDefinition refuses and moto accepts."""

import json
import re
from collections.abc import Mapping
from typing import Any

from .errors import AwsError
from .log_configurations import check_log_configurations
from .placement_constraints import check_registered_constraints
from .tags import check_tags

# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html and the
# `cpu` and `memory` parts of RegisterTaskDefinition in botocore: CPU units → MiB.
FARGATE_SIZES: Mapping[int, frozenset[int]] = {
    256: frozenset({512, 1024, 2048}),
    512: frozenset(range(1024, 4096 + 1, 1024)),
    1024: frozenset(range(2048, 8192 + 1, 1024)),
    2048: frozenset(range(4096, 16384 + 1, 1024)),
    4096: frozenset(range(8192, 30720 + 1, 1024)),
    8192: frozenset(range(16384, 61440 + 1, 4096)),
    16384: frozenset(range(32768, 122880 + 1, 8192)),
}
LONGEST = 65536
_FAMILY = re.compile(r"[A-Za-z0-9_-]{1,255}")


def normalised(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with sizes as ECS stores them: `1 vCPU` is `1024`, `2 GB` is `2048`.

    The rule: `cpu` and `memory` of RegisterTaskDefinition in botocore.
    """
    result = dict(parameters)
    for name, unit in (("cpu", "vcpu"), ("memory", "gb")):
        text = str(result.get(name, "")).strip().lower()
        if text.endswith(unit):
            result[name] = str(int(float(text.removesuffix(unit)) * 1024))
    return result


def check_definition(parameters: Mapping[str, Any]) -> None:
    """Raise AwsError for what ECS refuses."""
    # What ECS measures isn't documented; the body as botocore sends it is the stricter reading.
    length = len(json.dumps(parameters))
    if length > LONGEST:
        # github.com/awsdocs/amazon-ecs-developer-guide/pull/149
        raise AwsError(
            "ClientException", f"Actual length: '{length}'. Max allowed length is '65536' bytes."
        )
    containers = parameters["containerDefinitions"]
    _check_names(parameters["family"], containers)
    check_tags(parameters.get("tags") or [])
    _check_secrets(parameters, containers)
    _check_task_memory(parameters, containers)
    required = parameters.get("requiresCompatibilities") or []
    if "FARGATE" in required:
        _check_fargate(parameters)
    if "EXTERNAL" in required and parameters.get("networkMode") == "awsvpc":
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-anywhere.html; the words
        # are ours.
        raise AwsError("ClientException", "(rig) External instances don't have awsvpc.")
    check_log_configurations(parameters)
    check_registered_constraints(parameters)


def is_fargate_size(cpu: object, memory: object) -> bool:
    """Whether Fargate has this pair of CPU units and MiB."""
    return (
        str(cpu).isdigit()
        and str(memory).isdigit()
        and int(str(memory)) in FARGATE_SIZES.get(int(str(cpu)), ())
    )


def check_fargate_size(cpu: object, memory: object) -> None:
    """Refuse a pair of CPU units and MiB that Fargate doesn't have."""
    if not is_fargate_size(cpu, memory):
        # github.com/aws-games/cloud-game-development-toolkit/issues/737
        raise AwsError(
            "ClientException",
            f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. "
            "See the Amazon ECS documentation for the valid values.",
        )


def _check_names(family: str, containers: list[Mapping[str, Any]]) -> None:
    # The rules are botocore's; no public source for ECS's own words was found for any of these.
    if not _FAMILY.fullmatch(family):
        raise AwsError(
            "ClientException",
            "(rig) A family has up to 255 letters, numbers, underscores and hyphens.",
        )
    if not containers:
        raise AwsError("ClientException", "(rig) A task definition needs a container.")
    names = [container.get("name") for container in containers]
    if len(set(names)) < len(names):
        raise AwsError("ClientException", "(rig) Container names have to differ.")
    if not any(container.get("essential", True) for container in containers):
        raise AwsError("ClientException", "(rig) At least one container has to be essential.")


def _check_secrets(parameters: Mapping[str, Any], containers: list[Mapping[str, Any]]) -> None:
    has_secrets = any(container.get("secrets") for container in containers)
    if has_secrets and not parameters.get("executionRoleArn"):
        # github.com/fabfuel/ecs-deploy/issues/87
        raise AwsError(
            "ClientException",
            "When you are specifying container secrets, you must also specify a value for "
            "'executionRoleArn'.",
        )
    for container in containers:
        check_secret_names(container, container.get("environment") or [])


def check_secret_names(
    container: Mapping[str, Any],
    environment: list[Mapping[str, Any]],
    code: str = "ClientException",
) -> None:
    """Refuse variables that have the name of one of the container's secrets."""
    names = {variable["name"] for variable in environment}
    for secret in container.get("secrets") or []:
        if secret["name"] in names:
            # github.com/dagster-io/dagster/issues/11622 (RegisterTaskDefinition)
            raise AwsError(
                code,
                "The secret name must be unique and not shared with any new or existing "
                "environment variables set on the container, such as "
                f"'{secret['name']}'.",
            )


def _check_task_memory(parameters: Mapping[str, Any], containers: list[Mapping[str, Any]]) -> None:
    memory = str(parameters.get("memory") or "")
    for container in containers:
        if memory.isdigit() and int(container.get("memory") or 0) > int(memory):
            # github.com/pulumi/pulumi-awsx/issues/1220
            raise AwsError(
                "ClientException",
                f"The 'memory' setting for container '{container['name']}' is greater than for "
                "the task.",
            )


def _check_fargate(parameters: Mapping[str, Any]) -> None:
    if parameters.get("networkMode") != "awsvpc":
        # github.com/aws/amazon-ecs-cli/issues/1145, typographic quotes included
        raise AwsError("ClientException", "Fargate only supports network mode \u2018awsvpc\u2019.")
    check_fargate_size(parameters.get("cpu"), parameters.get("memory"))
