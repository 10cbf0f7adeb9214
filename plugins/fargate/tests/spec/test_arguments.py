"""Keyword arguments: whose they are, and which can't be meant."""

from typing import Any

import boto3
import pytest

from flowenv.errors import SettingError
from flowenv_fargate import FargateTaskEnvironment
from flowenv_fargate.spec.arguments import runs_on_fargate, uses_existing

ROLE = "arn:aws:iam::123456789012:role/execution"


def test_every_argument_of_both_operations_is_taken() -> None:
    model: Any = boto3.client("ecs", region_name="eu-west-1").meta.service_model
    members = {
        name: shape
        for operation in ("RegisterTaskDefinition", "RunTask")
        for name, shape in model.operation_model(operation).input_shape.members.items()
    }
    empty: dict[str, Any] = {"list": [], "structure": {}, "boolean": True}
    # each with the others has to make sense too
    for name in members.keys() - {"clientToken", "count", "containerDefinitions"}:
        enumerated = getattr(members[name], "enum", None) or ["x"]
        arguments = {name: empty.get(members[name].type_name, enumerated[0])}
        FargateTaskEnvironment(**arguments)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"networkConfiguration": "abc"}, "networkConfiguration must be a mapping, not str"),
        ({"networkConfiguration": {"awsvpcConfiguration": "abc"}}, "awsvpcConfiguration must be"),
        (
            {"networkConfiguration": {"awsvpcConfiguration": {"subnets": "subnet-1"}}},
            "awsvpcConfiguration.subnets must be a list",
        ),
        ({"launchType": "FARGAT"}, "Did you mean 'FARGATE'"),
        ({"capacityProviderStrategy": "FARGATE_SPOT"}, "must be a list"),
        (
            {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOTT"}]},
            "Did you mean 'FARGATE_SPOT'",
        ),
        ({"containerDefinitions": ["main"]}, "must be a mapping"),
    ],
)
def test_an_argument_of_the_wrong_shape_is_refused_at_once(
    arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(SettingError, match=says):
        FargateTaskEnvironment(**arguments)


def test_sizes_may_be_numbers_and_providers_ones_own() -> None:
    FargateTaskEnvironment(cpu=256, memory=512)
    FargateTaskEnvironment(capacityProviderStrategy=[{"capacityProvider": "my-group"}])


def test_an_unknown_argument_is_an_error_with_the_nearest_right_name() -> None:
    with pytest.raises(SettingError, match="Did you mean 'executionRoleArn'"):
        FargateTaskEnvironment(executionRole="arn:…")


def test_an_unknown_argument_is_a_type_error_like_any_other() -> None:
    with pytest.raises(TypeError):
        FargateTaskEnvironment(nonsense=1)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"count": 2}, "one task"),
        ({"clientToken": "t"}, "clientToken"),
        ({"containerDefinitions": []}, "first"),
        ({"family": "a", "taskDefinition": "b"}, "same string"),
        ({"family": "a", "taskDefinition": "a:3"}, "same string"),
        ({"taskDefinition": "a:3", "cpu": "256"}, "existing definition"),
        ({"taskDefinition": "a", "executionRoleArn": ROLE}, "executionRoleArn would need"),
        (
            {"launchType": "EC2", "capacityProviderStrategy": [{"capacityProvider": "p"}]},
            "exclude each other",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_next_step(
    arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(SettingError, match=says) as refused:
        FargateTaskEnvironment(**arguments)
    assert refused.value.hint or says == "first"


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_run_has_time_to_start(seconds: float) -> None:
    with pytest.raises(SettingError, match="start_timeout must be more than 0"):
        FargateTaskEnvironment(start_timeout=seconds)


def test_a_launch_type_given_twice_and_differently_is_refused() -> None:
    with pytest.raises(SettingError, match="Give one"):
        FargateTaskEnvironment("EC2", launchType="FARGATE")


def test_only_a_task_definition_means_an_existing_one() -> None:
    assert uses_existing({"taskDefinition": "flows:3", "cluster": "c", "tags": []})
    assert not uses_existing({"taskDefinition": "flows", "family": "flows"})
    assert not uses_existing({"family": "flows"})


@pytest.mark.parametrize(
    ("arguments", "launch_type", "fargate"),
    [
        ({}, "FARGATE", True),
        ({}, "EC2", False),
        ({"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}]}, "FARGATE", True),
        ({"capacityProviderStrategy": [{"capacityProvider": "my-group"}]}, "FARGATE", False),
    ],
)
def test_fargates_rules_hold_where_the_task_runs_on_fargate(
    arguments: dict[str, Any], launch_type: str, fargate: bool
) -> None:
    assert runs_on_fargate(arguments, launch_type) is fargate


@pytest.mark.parametrize("name", ["launch_type", "launchType"])
def test_a_capacity_provider_as_launch_type_points_to_the_strategy(name: str) -> None:
    wrong: Any = {name: "FARGATE_SPOT"}

    with pytest.raises(SettingError, match="capacityProviderStrategy="):
        FargateTaskEnvironment(**wrong)
