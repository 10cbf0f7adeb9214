"""The ECS rig refuses what ECS refuses and moto accepts."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rigs.ecs import EcsRig, Image, ScriptedRunner
from rigs.ecs.simple_tasks import SimpleTasks


@pytest.fixture(scope="module")
def tasks() -> Iterator[SimpleTasks]:
    with EcsRig({"flow:1": Image()}, runner=ScriptedRunner()) as rig:
        tasks = SimpleTasks(rig)
        tasks.register()
        yield tasks


def refused(code: str, call: Callable[..., Any], *arguments: Any, **parameters: Any) -> str:
    """Assert that a call is refused with `code`; returns the message."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **parameters)
    error = caught.value.response["Error"]
    assert error["Code"] == code
    return error["Message"]


@pytest.mark.parametrize(
    ("cpu", "memory"), [("256", "4096"), ("512", "512"), ("8192", "17408"), ("300", "512")]
)
def test_sizes_that_fargate_does_not_have(tasks: SimpleTasks, cpu: str, memory: str) -> None:
    message = refused("ClientException", tasks.register, "size", cpu=cpu, memory=memory)

    assert message == (
        f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. "
        "See the Amazon ECS documentation for the valid values."
    )


@pytest.mark.parametrize(
    ("cpu", "memory"),
    [("256", "2048"), ("4096", "30720"), ("8192", "61440"), ("16384", "122880")],
)
def test_sizes_that_fargate_has(tasks: SimpleTasks, cpu: str, memory: str) -> None:
    assert ":task-definition/good-size:" in tasks.register("good-size", cpu=cpu, memory=memory)


def test_sizes_with_units_are_stored_as_numbers(tasks: SimpleTasks) -> None:
    arn = tasks.register("units", cpu=".5 vCPU", memory="1 GB")

    found = tasks.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    assert (found["cpu"], found["memory"]) == ("512", "1024")


def test_a_network_mode_other_than_awsvpc_on_fargate(tasks: SimpleTasks) -> None:
    message = refused("ClientException", tasks.register, "bridge", networkMode="bridge")

    assert re.fullmatch("Fargate only supports network mode .awsvpc.[.]", message)


def test_awslogs_without_an_execution_role_on_fargate(tasks: SimpleTasks) -> None:
    message = refused("ClientException", tasks.register, "no-role", executionRoleArn="")

    assert message == (
        "Fargate requires task definition to have execution role ARN to support log driver awslogs."
    )


def test_secrets_without_an_execution_role(tasks: SimpleTasks) -> None:
    container = {"name": "main", "image": "flow:1", "secrets": [{"name": "A", "valueFrom": "a"}]}

    message = refused(
        "ClientException",
        tasks.register,
        "no-role",
        executionRoleArn="",
        containerDefinitions=[container],
    )

    assert "'executionRoleArn'" in message


def test_a_container_with_more_memory_than_the_task(tasks: SimpleTasks) -> None:
    message = refused(
        "ClientException",
        tasks.register,
        "memory",
        containerDefinitions=[tasks.container(memory=1024)],
    )

    assert message == "The 'memory' setting for container 'main' is greater than for the task."


def test_two_containers_of_one_name(tasks: SimpleTasks) -> None:
    twice = [tasks.container(), tasks.container()]

    refused("ClientException", tasks.register, "twice", containerDefinitions=twice)


def test_overrides_of_more_than_8192_characters(tasks: SimpleTasks) -> None:
    message = refused("InvalidParameterException", tasks.run, ["x" * 8192])

    assert message == "Container Overrides length must be at most 8192"


def test_overrides_of_8192_characters_are_taken(tasks: SimpleTasks) -> None:
    frame = len('{"containerOverrides": [{"name": "main", "command": [""]}]}')

    assert tasks.run(["x" * (8192 - frame)])


@pytest.mark.parametrize("count", [0, 11])
def test_a_count_outside_1_to_10(tasks: SimpleTasks, count: int) -> None:
    refused("InvalidParameterException", tasks.run, count=count)


def test_an_override_for_a_container_that_is_not_there(tasks: SimpleTasks) -> None:
    message = refused(
        "InvalidParameterException",
        tasks.run,
        overrides={"containerOverrides": [{"name": "other"}]},
    )

    assert message == "Override for container named other is not a container in the TaskDefinition."


def test_awsvpc_without_network_configuration(tasks: SimpleTasks) -> None:
    request = tasks.request()
    del request["networkConfiguration"]

    message = refused("InvalidParameterException", tasks.ecs.run_task, **request)

    assert message == (
        "Network Configuration must be provided when networkMode 'awsvpc' is specified."
    )


def test_a_subnet_that_is_not_there(tasks: SimpleTasks) -> None:
    network = {"awsvpcConfiguration": {"subnets": ["subnet-none"]}}

    message = refused("InvalidParameterException", tasks.run, networkConfiguration=network)

    assert message.startswith("Error retrieving subnet information for [subnet-none]")


def test_launch_type_and_capacity_provider_strategy_together(tasks: SimpleTasks) -> None:
    strategy = [{"capacityProvider": "FARGATE_SPOT"}]

    refused("InvalidParameterException", tasks.run, capacityProviderStrategy=strategy)


@pytest.mark.parametrize("token", ["x" * 65, "with space", "ä"])
def test_a_client_token_that_is_too_long_or_has_other_characters(
    tasks: SimpleTasks, token: str
) -> None:
    refused("InvalidParameterException", tasks.run, clientToken=token)


@pytest.mark.parametrize("started_by", ["x" * 129, "run:1"])
def test_a_started_by_that_is_too_long_or_has_other_characters(
    tasks: SimpleTasks, started_by: str
) -> None:
    refused("InvalidParameterException", tasks.run, startedBy=started_by)


def test_a_task_definition_that_is_inactive(tasks: SimpleTasks) -> None:
    arn = tasks.register("inactive")
    tasks.ecs.deregister_task_definition(taskDefinition=arn)

    message = refused("InvalidParameterException", tasks.run, taskDefinition=arn)

    assert message == "TaskDefinition is inactive"


def test_a_task_definition_that_is_not_there(tasks: SimpleTasks) -> None:
    assert refused("ClientException", tasks.run, taskDefinition="none") == (
        "TaskDefinition not found."
    )


def test_a_family_of_which_no_revision_is_active(tasks: SimpleTasks) -> None:
    tasks.ecs.deregister_task_definition(taskDefinition=tasks.register("gone"))

    message = refused("ClientException", tasks.ecs.describe_task_definition, taskDefinition="gone")

    assert message == "Unable to describe task definition."


def test_a_cluster_that_is_not_there(tasks: SimpleTasks) -> None:
    refused("ClusterNotFoundException", tasks.run, cluster="none")


def test_the_deletion_of_a_cluster_with_tasks(tasks: SimpleTasks) -> None:
    tasks.ecs.create_cluster(clusterName="busy")
    tasks.run(cluster="busy")

    message = refused("ClusterContainsTasksException", tasks.ecs.delete_cluster, cluster="busy")

    assert message == "The Cluster cannot be deleted while Tasks are active."


def test_more_than_100_tasks_in_one_describe(tasks: SimpleTasks) -> None:
    message = refused(
        "InvalidParameterException",
        tasks.ecs.describe_tasks,
        cluster=tasks.account.cluster,
        tasks=["x"] * 101,
    )

    assert message == "taskIds can have at most 100 items."


def test_a_stop_of_a_task_that_is_not_there(tasks: SimpleTasks) -> None:
    message = refused(
        "InvalidParameterException",
        tasks.ecs.stop_task,
        cluster=tasks.account.cluster,
        task="none",
    )

    assert message == "The referenced task was not found"


def test_fargate_for_a_definition_that_does_not_support_it(tasks: SimpleTasks) -> None:
    container = {"name": "main", "image": "flow:1", "memory": 64}
    tasks.ecs.register_task_definition(family="ec2-only", containerDefinitions=[container])

    message = refused("InvalidParameterException", tasks.run, taskDefinition="ec2-only")

    assert message == "Task definition does not support launch_type FARGATE."
