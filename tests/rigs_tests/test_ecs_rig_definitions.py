"""Task definitions on the ECS rig: what is refused, and what ECS makes of what it takes."""

import re
from collections.abc import Iterator
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


def refused(tasks: SimpleTasks, **changes: Any) -> str:
    """Assert that RegisterTaskDefinition refuses a definition; returns the message."""
    with pytest.raises(ClientError) as caught:
        tasks.register("refused", **changes)
    error = caught.value.response["Error"]
    assert error["Code"] == "ClientException"
    return str(error["Message"])


def stored(tasks: SimpleTasks, **changes: Any) -> dict[str, Any]:
    """A definition as DescribeTaskDefinition shows it."""
    arn = tasks.register("stored", **changes)
    answer = tasks.ecs.describe_task_definition(taskDefinition=arn)
    definition: dict[str, Any] = answer["taskDefinition"]
    return definition


def stored_container(tasks: SimpleTasks, **changes: Any) -> dict[str, Any]:
    definition = stored(tasks, containerDefinitions=[tasks.container(**changes)])
    container: dict[str, Any] = definition["containerDefinitions"][0]
    return container


def test_a_variable_with_the_name_of_a_secret_is_refused(tasks: SimpleTasks) -> None:
    container = tasks.container(
        secrets=[{"name": "TOKEN", "valueFrom": "/token"}],
        environment=[{"name": "TOKEN", "value": "plain"}],
    )

    assert refused(tasks, containerDefinitions=[container]) == (
        "The secret name must be unique and not shared with any new or existing environment "
        "variables set on the container, such as 'TOKEN'."
    )


def test_a_definition_has_64_kib_at_most(tasks: SimpleTasks) -> None:
    def with_value_of(length: int) -> dict[str, Any]:
        variable = {"name": "LONG", "value": "x" * length}
        return {"containerDefinitions": [tasks.container(environment=[variable])]}

    tasks.register("stored", **with_value_of(64_000))

    assert re.fullmatch(
        r"Actual length: '\d+'\. Max allowed length is '65536' bytes\.",
        refused(tasks, **with_value_of(66_000)),
    )


@pytest.mark.parametrize("option", ["awslogs-region", "awslogs-group"])
@pytest.mark.parametrize("required", [["FARGATE"], ["EC2"]])
def test_awslogs_without_region_or_group_is_refused(
    tasks: SimpleTasks, option: str, required: list[str]
) -> None:
    log = tasks.account.log_configuration()
    del log["options"][option]
    container = tasks.container(logConfiguration=log)

    message = refused(tasks, requiresCompatibilities=required, containerDefinitions=[container])

    assert message == f"Log driver awslogs requires options: {option}"


def test_awslogs_without_a_stream_prefix_is_refused_on_fargate_only(tasks: SimpleTasks) -> None:
    log = tasks.account.log_configuration()
    del log["options"]["awslogs-stream-prefix"]
    containers = [tasks.container(logConfiguration=log)]

    message = refused(tasks, containerDefinitions=containers)

    assert message == (
        "Fargate requires log configuration options to include awslogs-stream-prefix to support "
        "log driver awslogs."
    )
    assert stored(tasks, requiresCompatibilities=["EC2"], containerDefinitions=containers)


def test_a_log_router_needs_a_container_that_logs_to_it(tasks: SimpleTasks) -> None:
    router = tasks.container(firelensConfiguration={"type": "fluentbit"})

    assert refused(tasks, containerDefinitions=[router]) == (
        "When a firelensConfiguration object is specified, at least one container has to be "
        "configured with the awsfirelens log driver."
    )


def test_a_container_that_logs_to_a_router_needs_one(tasks: SimpleTasks) -> None:
    container = tasks.container(logConfiguration={"logDriver": "awsfirelens"})

    assert refused(tasks, containerDefinitions=[container]).startswith(
        "When awsfirelens log driver is specified in log configuration, a firelens configuration"
    )


def test_a_log_router_may_come_first_and_runs_as_root(tasks: SimpleTasks) -> None:
    router = tasks.container(firelensConfiguration={"type": "fluentbit"})
    flow = tasks.container(name="flow", logConfiguration={"logDriver": "awsfirelens"})

    first, second = stored(tasks, containerDefinitions=[router, flow])["containerDefinitions"]

    assert (first["name"], first["user"]) == ("main", "0")
    assert "user" not in second


def test_a_type_of_log_router_that_is_not_there_is_refused(tasks: SimpleTasks) -> None:
    router = tasks.container(firelensConfiguration={"type": "syslog"})
    flow = tasks.container(name="flow", logConfiguration={"logDriver": "awsfirelens"})

    assert "fluentd or fluentbit" in refused(tasks, containerDefinitions=[router, flow])


def test_distinct_instance_is_nothing_that_a_definition_can_have(tasks: SimpleTasks) -> None:
    constraints = [{"type": "distinctInstance"}]

    message = refused(tasks, requiresCompatibilities=["EC2"], placementConstraints=constraints)

    assert message == "constraint.type 'distinctInstance' is not supported."


def test_member_of_is_something_that_a_definition_can_have(tasks: SimpleTasks) -> None:
    constraints = [{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}]

    definition = stored(tasks, requiresCompatibilities=["EC2"], placementConstraints=constraints)

    assert definition["placementConstraints"] == constraints


def test_fargate_has_no_placement_constraints(tasks: SimpleTasks) -> None:
    constraints = [{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}]

    assert "not supported with FARGATE" in refused(tasks, placementConstraints=constraints)


@pytest.mark.parametrize(
    "constraints",
    [[{"type": "memberOf"}], [{"type": "memberOf", "expression": "task:group == a"}] * 11],
)
def test_constraints_without_expression_or_too_many_are_refused(
    tasks: SimpleTasks, constraints: list[dict[str, str]]
) -> None:
    assert refused(tasks, requiresCompatibilities=["EC2"], placementConstraints=constraints)


@pytest.mark.parametrize("role", ["taskRoleArn", "executionRoleArn"])
def test_a_role_by_name_is_stored_as_its_arn(tasks: SimpleTasks, role: str) -> None:
    definition = stored(tasks, **{role: "role-of-mine"})

    assert definition[role] == f"arn:aws:iam::{tasks.rig.account_id}:role/role-of-mine"


LISTS: dict[str, list[dict[str, Any]]] = {
    "environment": [{"name": n, "value": n} for n in "ABC"],
    "secrets": [{"name": n, "valueFrom": n} for n in "ABC"],
    "portMappings": [{"containerPort": p, "hostPort": p, "protocol": "tcp"} for p in (80, 81)],
    "mountPoints": [{"sourceVolume": v, "containerPath": f"/{v}"} for v in "ab"],
    "volumesFrom": [{"sourceContainer": c} for c in "ab"],
    "extraHosts": [{"hostname": h, "ipAddress": "10.0.0.1"} for h in "ab"],
    "ulimits": [{"name": n, "softLimit": 1, "hardLimit": 1} for n in ("core", "nofile")],
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_comes_back_in_another_order_that_stays_the_same(
    tasks: SimpleTasks, name: str
) -> None:
    sent = LISTS[name]

    found = stored_container(tasks, **{name: sent})[name]
    again = stored_container(tasks, **{name: sent})[name]

    assert sorted(map(str, found)) == sorted(map(str, sent))
    assert found != sent
    assert found == again


def test_secret_options_of_a_log_configuration_come_back_in_another_order(
    tasks: SimpleTasks,
) -> None:
    options = [{"name": n, "valueFrom": n} for n in "ab"]
    log = {**tasks.account.log_configuration(), "secretOptions": options}

    found = stored_container(tasks, logConfiguration=log)["logConfiguration"]["secretOptions"]

    assert found == options[::-1]


def test_commands_keep_their_order(tasks: SimpleTasks) -> None:
    words = ["c", "b", "a"]

    found = stored_container(tasks, command=words, entryPoint=words)

    assert (found["command"], found["entryPoint"]) == (words, words)


def test_defaults_are_filled_in(tasks: SimpleTasks) -> None:
    found = stored_container(tasks, portMappings=[{"containerPort": 80}])

    assert found["portMappings"] == [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}]
    assert (found["essential"], found["cpu"]) == (True, 0)
    for name in ("environment", "mountPoints", "volumesFrom", "systemControls"):
        assert found[name] == []


def test_the_server_says_who_registered_a_definition_and_where_it_runs(tasks: SimpleTasks) -> None:
    definition = stored(tasks)

    assert definition["compatibilities"] == ["EC2", "FARGATE"]
    assert definition["registeredBy"].startswith("arn:aws:iam::")
    assert (definition["volumes"], definition["placementConstraints"]) == ([], [])


def test_a_definition_without_awsvpc_runs_on_ec2_and_external_instances(
    tasks: SimpleTasks,
) -> None:
    container = {"name": "main", "image": "flow:1", "memory": 64}
    parameters: dict[str, Any] = {"family": "external", "containerDefinitions": [container]}

    for required in ([], ["EC2"], ["EXTERNAL"]):
        answer = tasks.ecs.register_task_definition(**parameters, requiresCompatibilities=required)
        assert answer["taskDefinition"]["compatibilities"] == ["EXTERNAL", "EC2"]
        assert answer["taskDefinition"]["networkMode"] == "bridge"


def test_external_instances_have_no_awsvpc(tasks: SimpleTasks) -> None:
    assert "awsvpc" in refused(tasks, requiresCompatibilities=["EXTERNAL"])
