"""Where the ECS rig runs tasks: launch types, strategies, instances and constraints; and ids."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rigs.ecs import EcsRig, Image, ScriptedRunner
from rigs.ecs.simple_tasks import SimpleTasks

MEMBER_OF = {"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}
DISTINCT = {"type": "distinctInstance"}


@pytest.fixture(scope="module")
def runner() -> ScriptedRunner:
    return ScriptedRunner()


@pytest.fixture(scope="module")
def tasks(runner: ScriptedRunner) -> Iterator[SimpleTasks]:
    with EcsRig({"flow:1": Image()}, runner=runner) as rig:
        tasks = SimpleTasks(rig)
        tasks.register()
        container = {"name": "main", "image": "flow:1", "memory": 64}
        tasks.ecs.register_task_definition(family="bridge", containerDefinitions=[container])
        yield tasks


def refused(tasks: SimpleTasks, **parameters: Any) -> str:
    """Assert that RunTask refuses parameters; returns the message."""
    with pytest.raises(ClientError) as caught:
        tasks.ecs.run_task(**parameters)
    error = caught.value.response["Error"]
    assert error["Code"] == "InvalidParameterException"
    return str(error["Message"])


def on_bridge(cluster: str, **parameters: Any) -> dict[str, Any]:
    return {"cluster": cluster, "taskDefinition": "bridge", **parameters}


def test_an_override_of_a_secrets_name_is_refused(tasks: SimpleTasks) -> None:
    secrets = [{"name": "TOKEN", "valueFrom": "/token"}]
    arn = tasks.register("secrets", containerDefinitions=[tasks.container(secrets=secrets)])

    message = refused(tasks, **tasks.request(None, {"TOKEN": "plain"}, taskDefinition=arn))

    assert message.startswith("The secret name must be unique and not shared with any new or")
    assert message.endswith("such as 'TOKEN'.")
    assert tasks.run(None, {"OTHER": "plain"}, taskDefinition=arn)


def test_fargate_spot_is_no_launch_type(tasks: SimpleTasks) -> None:
    assert "FARGATE_SPOT" in refused(tasks, **tasks.request(launchType="FARGATE_SPOT"))


@pytest.fixture(scope="module")
def on_spot(tasks: SimpleTasks) -> str:
    """A cluster whose default strategy is Spot."""
    tasks.ecs.create_cluster(
        clusterName="spot",
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
    )
    return "spot"


@pytest.mark.parametrize(
    ("sent", "provider"),
    [
        ({}, "FARGATE_SPOT"),
        ({"launchType": "FARGATE"}, None),
        ({"capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]}, "FARGATE"),
    ],
)
def test_a_clusters_default_strategy_holds_when_nothing_is_sent(
    tasks: SimpleTasks, on_spot: str, sent: dict[str, Any], provider: str | None
) -> None:
    request = tasks.request(cluster=on_spot)
    del request["launchType"]

    [task] = tasks.ecs.run_task(**request, **sent)["tasks"]

    assert task["launchType"] == "FARGATE"
    assert task.get("capacityProviderName") == provider


def test_without_a_default_strategy_it_is_ec2(tasks: SimpleTasks) -> None:
    request = tasks.request()
    del request["launchType"]

    assert refused(tasks, **request) == "No Container Instances were found in your cluster."


@pytest.mark.parametrize("scaling", ["ENABLED", "DISABLED"])
def test_a_task_waits_for_an_instance_where_its_capacity_provider_brings_one(
    tasks: SimpleTasks, runner: ScriptedRunner, scaling: str
) -> None:
    cluster = scaling.lower()
    provider = tasks.rig.add_capacity_provider(cluster, managed_scaling=scaling)
    request = on_bridge(cluster, capacityProviderStrategy=[{"capacityProvider": provider}])
    if scaling == "DISABLED":
        assert refused(tasks, **request) == "No Container Instances were found in your cluster."
        return

    [arn] = [one["taskArn"] for one in tasks.ecs.run_task(**request)["tasks"]]
    runner.step(3)
    [waiting] = tasks.ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
    instance = tasks.rig.register_container_instance(cluster)
    runner.step(3)
    [placed] = tasks.ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]

    assert (waiting["lastStatus"], waiting.get("containerInstanceArn")) == ("PROVISIONING", None)
    assert (placed["lastStatus"], placed["containerInstanceArn"]) == ("RUNNING", instance)


def test_external_needs_a_definition_that_supports_it(tasks: SimpleTasks) -> None:
    message = refused(tasks, **tasks.request(launchType="EXTERNAL"))

    assert message == "Task definition does not support launch_type EXTERNAL."


def test_external_tasks_run_on_external_instances_only(tasks: SimpleTasks) -> None:
    tasks.ecs.create_cluster(clusterName="anywhere")
    tasks.rig.register_container_instance("anywhere")
    request = on_bridge("anywhere", launchType="EXTERNAL")

    message = refused(tasks, **request)
    external = tasks.rig.register_container_instance("anywhere", external=True)
    [task] = tasks.ecs.run_task(**request)["tasks"]

    assert message == "No Container Instances were found in your cluster."
    assert (task["launchType"], task["containerInstanceArn"]) == ("EXTERNAL", external)


@pytest.mark.parametrize("constraint", [MEMBER_OF, DISTINCT])
def test_fargate_tasks_have_no_placement_constraints(
    tasks: SimpleTasks, constraint: dict[str, str]
) -> None:
    message = refused(tasks, **tasks.request(placementConstraints=[constraint]))

    assert message == "Placement constraints are not supported with FARGATE launch type."


def test_member_of_is_taken_for_an_instance(tasks: SimpleTasks) -> None:
    tasks.ecs.create_cluster(clusterName="member")
    tasks.rig.register_container_instance("member")

    answer = tasks.ecs.run_task(**on_bridge("member", placementConstraints=[MEMBER_OF]))

    assert len(answer["tasks"]) == 1


def test_distinct_instance_puts_tasks_of_a_group_on_instances_of_their_own(
    tasks: SimpleTasks,
) -> None:
    tasks.ecs.create_cluster(clusterName="distinct")
    two = {tasks.rig.register_container_instance("distinct") for _ in range(2)}
    request = on_bridge("distinct", placementConstraints=[DISTINCT], count=3)

    answer = tasks.ecs.run_task(**request)

    assert {task["containerInstanceArn"] for task in answer["tasks"]} == two
    assert {failure["reason"] for failure in answer["failures"]} == {
        "DistinctInstance placement constraint unsatisfied."
    }


def test_a_type_of_constraint_that_is_not_there_is_refused(tasks: SimpleTasks) -> None:
    constraints = [{"type": "spread"}]

    assert "spread" in refused(tasks, **on_bridge("distinct", placementConstraints=constraints))


def test_a_definitions_constraints_count_towards_the_ten(tasks: SimpleTasks) -> None:
    container = {"name": "main", "image": "flow:1", "memory": 64}
    tasks.ecs.register_task_definition(
        family="constrained", containerDefinitions=[container], placementConstraints=[MEMBER_OF]
    )
    request = on_bridge("distinct", placementConstraints=[MEMBER_OF] * 10)

    assert "10" in refused(tasks, **request | {"taskDefinition": "constrained"})


def test_a_task_id_is_32_digits_and_its_arn_names_the_cluster(tasks: SimpleTasks) -> None:
    arn = tasks.run()

    cluster, task_id = arn.partition(":task/")[2].split("/")
    assert cluster == tasks.account.cluster
    assert len(task_id) == 32
    assert set(task_id) <= set("0123456789abcdef")


def test_a_task_id_of_the_old_format_has_dashes_and_its_arn_no_cluster(tasks: SimpleTasks) -> None:
    tasks.ecs.put_account_setting(name="taskLongArnFormat", value="disabled")
    try:
        arn = tasks.run()
    finally:
        tasks.ecs.put_account_setting(name="taskLongArnFormat", value="enabled")

    task_id = arn.partition(":task/")[2]
    assert [len(part) for part in task_id.split("-")] == [8, 4, 4, 4, 12]
    [by_arn], [by_id] = tasks.describe(arn), tasks.describe(task_id)
    assert by_arn["taskArn"] == by_id["taskArn"] == arn
    stopped = tasks.ecs.stop_task(cluster=tasks.account.cluster, task=task_id)["task"]
    assert stopped["desiredStatus"] == "STOPPED"


@pytest.mark.parametrize("other", [{"family": "simple"}, {"launchType": "FARGATE"}])
def test_started_by_is_listed_without_other_filters(
    tasks: SimpleTasks, other: dict[str, str]
) -> None:
    starter = f"with-{next(iter(other))}"
    wanted = {"cluster": tasks.account.cluster, "startedBy": starter}
    arn = tasks.run(startedBy=starter)

    with pytest.raises(ClientError) as caught:
        tasks.ecs.list_tasks(**wanted, **other)

    assert caught.value.response["Error"] == {
        "Code": "InvalidParameterException",
        "Message": "cannot specify startedBy with other arguments",
    }
    assert tasks.ecs.list_tasks(**wanted)["taskArns"] == [arn]
    assert tasks.ecs.list_tasks(**wanted, desiredStatus="RUNNING")["taskArns"] == [arn]


def test_by_fault_started_by_goes_without_a_status_too(tasks: SimpleTasks) -> None:
    wanted = {"cluster": tasks.account.cluster, "startedBy": "nobody"}

    with tasks.rig.faults.inject("started_by_alone", times=None):
        with pytest.raises(ClientError, match="cannot specify startedBy with other arguments"):
            tasks.ecs.list_tasks(**wanted, desiredStatus="STOPPED")
        assert tasks.ecs.list_tasks(**wanted)["taskArns"] == []
        assert tasks.ecs.list_tasks(cluster=tasks.account.cluster, desiredStatus="STOPPED")


@pytest.mark.parametrize(
    "tags",
    [
        [{"key": "k", "value": "[1]"}],
        [{"key": "k", "value": "a, b"}],
        [{"key": "aws:mine", "value": ""}],
        [{"key": "k" * 129, "value": ""}],
        [{"key": "k", "value": "v" * 257}],
        [{"key": "k", "value": "1"}, {"key": "k", "value": "2"}],
        [{"key": str(n), "value": ""} for n in range(51)],
    ],
)
def test_tags_that_cannot_be(tasks: SimpleTasks, tags: list[dict[str, str]]) -> None:
    arn = tasks.run()

    assert refused(tasks, **tasks.request(tags=tags))
    with pytest.raises(ClientError, match="InvalidParameterException"):
        tasks.ecs.tag_resource(resourceArn=arn, tags=tags)


def test_tags_with_characters_that_are_not_allowed_are_refused_in_words(
    tasks: SimpleTasks,
) -> None:
    message = refused(tasks, **tasks.request(tags=[{"key": "bot", "value": "a[bot]"}]))

    assert message == (
        "Some tags contain invalid characters. Valid characters: UTF-8 letters, spaces, numbers "
        "and _ . / = + - : @."
    )


def test_tags_with_letters_of_any_script_and_signs_are_taken(tasks: SimpleTasks) -> None:
    tags = [{"key": "Größe 1_./=+-:@", "value": "大"}]

    [shown] = tasks.describe(tasks.run(tags=tags))

    assert shown["tags"] == tags
