"""What RunTask refuses and moto accepts."""

import json
import re
from collections.abc import Mapping
from typing import Any

from .definitions import check_fargate_size, check_secret_names
from .errors import AwsError
from .placement_constraints import check_fargate_constraints, check_requested_constraints
from .tags import check_tags

OVERRIDES_LIMIT = 8192
LAUNCH_TYPES = ("EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES")
_STARTED_BY = re.compile(r"[A-Za-z0-9_/-]{1,128}")


def check_run_parameters(parameters: Mapping[str, Any]) -> None:
    """Raise AwsError for what is wrong whatever the task definition says."""
    if not 1 <= parameters.get("count", 1) <= 10:
        # The limit: `count` of RunTask in botocore; no public source for ECS's words was found.
        raise AwsError("InvalidParameterException", "(rig) count has to be between 1 and 10.")
    if parameters.get("launchType") and parameters.get("capacityProviderStrategy"):
        # github.com/terraform-linters/tflint-ruleset-aws/issues/349 (CreateService)
        raise AwsError(
            "InvalidParameterException",
            "Specifying both a launch type and capacity provider strategy is not supported. "
            "Remove one and try again.",
        )
    if parameters.get("launchType") not in (None, *LAUNCH_TYPES):
        # The values: LaunchType in botocore. FARGATE_SPOT is a capacity provider. No public source
        # for ECS's words was found.
        raise AwsError(
            "InvalidParameterException",
            f"(rig) {parameters['launchType']} is not one of {', '.join(LAUNCH_TYPES)}.",
        )
    if parameters.get("propagateTags") == "SERVICE":
        # The rule: `propagateTags` of RunTask in botocore; the words are ours.
        raise AwsError(
            "InvalidParameterException", "(rig) RunTask can't propagate the tags of a SERVICE."
        )
    started_by = parameters.get("startedBy")
    if started_by is not None and not _STARTED_BY.fullmatch(started_by):
        # The rule: `startedBy` of RunTask in botocore; the words are ours.
        raise AwsError(
            "InvalidParameterException",
            "(rig) startedBy has up to 128 letters, numbers, hyphens, slashes and underscores.",
        )
    check_tags(parameters.get("tags") or [])
    # The body as botocore sends it, with a space after each colon and comma. Whether ECS counts
    # those is not documented; counting them is the stricter reading.
    if len(json.dumps(parameters.get("overrides") or {})) > OVERRIDES_LIMIT:
        # github.com/convox/rack/issues/1906
        raise AwsError(
            "InvalidParameterException", "Container Overrides length must be at most 8192"
        )


def check_against_definition(
    parameters: Mapping[str, Any], definition: Mapping[str, Any], launch_type: str
) -> None:
    """Raise AwsError for parameters that don't fit the task definition."""
    fargate = launch_type == "FARGATE"
    if definition["status"] != "ACTIVE":
        # github.com/DefangLabs/defang/pull/775
        raise AwsError("InvalidParameterException", "TaskDefinition is inactive")
    if launch_type not in definition["compatibilities"]:
        # github.com/oranmoshai/ecsServiceRestart/issues/2 (UpdateService, for FARGATE)
        raise AwsError(
            "InvalidParameterException",
            f"Task definition does not support launch_type {launch_type}.",
        )
    constraints = parameters.get("placementConstraints") or []
    check_requested_constraints(constraints, definition.get("placementConstraints") or [])
    if fargate:
        check_fargate_constraints(constraints)
    _check_overrides(parameters.get("overrides") or {}, definition, fargate)
    _check_network(parameters.get("networkConfiguration"), definition)


def _check_overrides(
    overrides: Mapping[str, Any], definition: Mapping[str, Any], fargate: bool
) -> None:
    containers = {container["name"]: container for container in definition["containerDefinitions"]}
    for override in overrides.get("containerOverrides") or []:
        if override and override.get("name") not in containers:
            # github.com/azavea/django-ecsmanage/issues/21
            raise AwsError(
                "InvalidParameterException",
                f"Override for container named {override.get('name')} is not a container in the "
                "TaskDefinition.",
            )
        if override:
            # That "new" variables count too, ECS's words say; that it is this code, nobody says.
            check_secret_names(
                containers[override["name"]],
                override.get("environment") or [],
                "InvalidParameterException",
            )
    if fargate and (overrides.get("cpu") or overrides.get("memory")):
        check_fargate_size(
            overrides.get("cpu") or definition.get("cpu"),
            overrides.get("memory") or definition.get("memory"),
        )


def _check_network(network: Mapping[str, Any] | None, definition: Mapping[str, Any]) -> None:
    awsvpc = definition.get("networkMode") == "awsvpc"
    given = bool(network and (network.get("awsvpcConfiguration") or {}).get("subnets"))
    if awsvpc and not given:
        # github.com/PasseiDireto/gh-runner-task-action/issues/8
        raise AwsError(
            "InvalidParameterException",
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        )
    if given and not awsvpc:
        # github.com/muya/amazon-ecs-run-task/issues/7
        raise AwsError(
            "InvalidParameterException",
            "Network Configuration is not valid for the given `networkMode` of this task "
            "definition.",
        )
