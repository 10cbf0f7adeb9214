"""Keyword arguments: whose they are, and which can't be meant."""

from typing import Any

import boto3
import pytest

from flowenv.errors import SettingError
from flowenv_fargate import FargateTaskEnvironment
from flowenv_fargate.arguments import runs_on_fargate, uses_existing

ROLE = "arn:aws:iam::123456789012:role/execution"


def test_every_argument_of_both_operations_is_taken() -> None:
    model: Any = boto3.client("ecs", region_name="eu-west-1").meta.service_model
    names = {
        name
        for operation in ("RegisterTaskDefinition", "RunTask")
        for name in model.operation_model(operation).input_shape.members
    }
    # each with the others has to make sense too
    for name in names - {"clientToken", "count", "containerDefinitions"}:
        arguments: dict[str, Any] = {name: "x"}
        FargateTaskEnvironment(**arguments)


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
