"""Checks finished requests as ECS would, before any call."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from flowenv.errors import SpecError
from flowenv.plugin import nearest
from flowenv_fargate.spec import arguments as args
from flowenv_fargate.spec.definition.sizes import check_size
from flowenv_fargate.spec.overrides import check_length, flow_override
from flowenv_fargate.spec.shapes import REGISTER, RUN, ParametersOf, check_request
from flowenv_fargate.spec.tags import SPEC_HASH

_ECR = re.compile(r"\d{12}\.dkr[.-]ecr\.")
_MOST_TAGS = 50
_LONGEST_DEFINITION = 65536
"""The most bytes of a task definition, as boto3 sends it."""
_ROLE_HINT = (
    "Pass executionRoleArn='arn:aws:iam::…:role/ecsTaskExecutionRole', a role with the AWS "
    "managed policy AmazonECSTaskExecutionRolePolicy."
)


def check_spec(spec: Mapping[str, Any], parameters_of: ParametersOf) -> None:
    """Check the requests of a run.

    Args:
        spec: the finished spec.
        parameters_of: knows what the operations take.

    Raises:
        SpecError: saying where and what to do.
    """
    definition, run_task = spec.get("task_definition"), spec["run_task"]
    fargate = args.runs_on_fargate({**(definition or {}), **run_task}, run_task.get("launchType"))
    if definition is not None:
        check_request(REGISTER, definition, parameters_of(REGISTER))
        _check_containers(definition)
        _check_length(definition)
        if fargate:
            _check_fargate(definition)
            _check_execution_role(definition)
        check_network(definition, run_task)
        _check_override_names(definition, run_task)
    flow_override(run_task)
    check_request(RUN, run_task, parameters_of(RUN))
    _check_tags(run_task.get("tags") or [], "run_task", 0)
    if definition is not None:
        _check_tags(definition.get("tags") or [], "task_definition", 1)
    check_length(run_task["overrides"])


_OUTLIVES_THE_TASK = (
    "efsVolumeConfiguration",
    "fsxWindowsFileServerVolumeConfiguration",
    "dockerVolumeConfiguration",
)


def shared_places(spec: Mapping[str, Any]) -> list[str]:
    """Where in the flow's container there is a volume that outlives the task.

    Args:
        spec: the finished spec, with a definition.
    """
    definition = spec["task_definition"]
    shared = {
        one.get("name")
        for one in definition.get("volumes") or ()
        if any(one.get(kind) for kind in _OUTLIVES_THE_TASK)
        or (one.get("host") or {}).get("sourcePath")
    }
    name = flow_override(spec["run_task"])["name"]
    flow = [one for one in definition["containerDefinitions"] if one.get("name") == name]
    points = [point for one in flow for point in one.get("mountPoints") or ()]
    mounts = [one for one in points if one.get("sourceVolume") in shared]
    return [str(one.get("containerPath")) for one in mounts]


def _check_containers(definition: Mapping[str, Any]) -> None:
    containers = definition["containerDefinitions"]
    names = [container.get("name") for container in containers]
    for container in containers:
        logs = container.get("logConfiguration") or {}
        if logs.get("logDriver") == "awslogs" and not logs.get("options", {}).get("awslogs-group"):
            raise SpecError(
                f"containerDefinitions[{container.get('name')}] logs with awslogs, and that needs "
                "the option awslogs-group.",
                hint="Name a log group, or leave logConfiguration out for one of flowenv's.",
            )
    for index, name in enumerate(names):
        if not name:
            raise SpecError(f"containerDefinitions[{index}] has no name.")
        if not containers[index].get("image"):
            raise SpecError(f"containerDefinitions[{name}] has no image.")
    if len(set(names)) < len(names):
        raise SpecError(f"Two containers have the same name: {', '.join(map(str, names))}.")
    if containers[0].get("essential") is False:
        raise SpecError(
            f"The flow's container {names[0]} is not essential, so the task would go on when the "
            "flow has ended.",
            hint="Leave out essential for the first container.",
        )
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", definition["family"]):
        raise SpecError(
            f"{definition['family']!r} is no name for a family.",
            hint="It has up to 255 letters, digits, hyphens and underscores.",
        )


def _check_length(definition: Mapping[str, Any]) -> None:
    length = len(json.dumps(definition))
    if length > _LONGEST_DEFINITION:
        raise SpecError(
            f"The task definition has {length:,} bytes; ECS takes {_LONGEST_DEFINITION:,}.",
            hint="Keep long values in AWS Secrets Manager or S3, and name them by a reference.",
        )


def _check_fargate(definition: Mapping[str, Any]) -> None:
    if definition.get("networkMode") != "awsvpc":
        raise SpecError(
            f"On Fargate networkMode is 'awsvpc', not {definition.get('networkMode')!r}.",
            hint="Leave it out.",
        )
    check_size(definition.get("cpu"), definition.get("memory"))
    for container in definition["containerDefinitions"]:
        logs = container.get("logConfiguration") or {}
        options = logs.get("options") or {}
        if logs.get("logDriver") == "awslogs" and "awslogs-stream-prefix" not in options:
            raise SpecError(
                f"containerDefinitions[{container['name']}] logs with awslogs, and on Fargate that "
                "needs the option awslogs-stream-prefix.",
                hint="Add it, such as 'awslogs-stream-prefix': 'flowenv'.",
            )


def _check_execution_role(definition: Mapping[str, Any]) -> None:
    if definition.get("executionRoleArn"):
        return
    for need in _needs_of_role(definition):
        raise SpecError(f"{need}, and on Fargate that needs an execution role.", hint=_ROLE_HINT)


def _needs_of_role(definition: Mapping[str, Any]) -> Iterator[str]:
    for container in definition["containerDefinitions"]:
        name = container["name"]
        if (container.get("logConfiguration") or {}).get("logDriver") == "awslogs":
            yield f"The container {name} logs with awslogs"
        if container.get("secrets"):
            names = ", ".join(one["name"] for one in container["secrets"])
            yield f"The container {name} gets secrets from AWS ({names})"
        if _ECR.match(str(container.get("image"))):
            yield f"The container {name} has an image from ECR"
        if container.get("repositoryCredentials"):
            yield f"The container {name} has repositoryCredentials"


def check_network(definition: Mapping[str, Any], run_task: Mapping[str, Any]) -> None:
    """Check that a task is told its subnets if, and only if, it has a network interface.

    Raises:
        SpecError: saying what to give or to leave out.
    """
    network = (run_task.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    if definition.get("networkMode") != "awsvpc":
        if network:
            raise SpecError(
                "networkConfiguration is given, and the task has no network interface of its own.",
                hint="Leave it out, or pass networkMode='awsvpc'.",
            )
        return
    if not network.get("subnets"):
        raise SpecError(
            "The task needs to know its subnets: networkMode is 'awsvpc', and no "
            "networkConfiguration with subnets is given.",
            hint="Pass networkConfiguration={'awsvpcConfiguration': {'subnets': ['subnet-…'], "
            "'assignPublicIp': 'ENABLED'}}; without a public address the subnet needs another "
            "way to the image's registry.",
        )


def _check_override_names(definition: Mapping[str, Any], run_task: Mapping[str, Any]) -> None:
    names = [container["name"] for container in definition["containerDefinitions"]]
    for override in (run_task.get("overrides") or {}).get("containerOverrides") or []:
        if override.get("name") not in names:
            raise SpecError(
                f"The overrides name a container {override.get('name')!r} that isn't defined.",
                hint=nearest(str(override.get("name")), names),
            )


def _check_tags(tags: list[Mapping[str, Any]], where: str, reserved: int) -> None:
    keys = [tag.get("key") for tag in tags if tag.get("key") != SPEC_HASH]
    if len(keys) + reserved > _MOST_TAGS:
        raise SpecError(
            f"{where} has {len(keys)} tags; ECS takes {_MOST_TAGS - reserved}.",
            hint="Use fewer tags or labels.",
        )
    for key in keys:
        if keys.count(key) > 1:
            raise SpecError(
                f"The tag {key} comes twice in {where}.",
                hint="Tags that begin with flowenv: are set by flowenv.",
            )
