"""Wrong input is refused before any call, with a next step and without values."""

from collections.abc import Callable
from typing import Any

import pytest

from flowenv import Secret
from flowenv.errors import SettingError, SpecError
from flowenv.registry.registry import use_local_plugins
from flowenv_fargate import FargateTaskEnvironment
from flowenv_fargate.api.service_model import parameters_of
from flowenv_fargate.spec.shapes import REGISTER, RUN, check_request

ROLE = "arn:aws:iam::123456789012:role/execution"
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/flow:1"
LOGS = {"logDriver": "awslogs", "options": {"awslogs-group": "/g", "awslogs-stream-prefix": "p"}}
Build = Callable[..., dict[str, Any]]


def main(**fields: Any) -> list[dict[str, Any]]:
    return [{"name": "main", **fields}]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"networkConfiguration": {}}, "subnets"),
        ({"cpu": "256", "memory": "8192"}, "no size with cpu 256"),
        ({"networkMode": "bridge"}, "awsvpc"),
        ({"launch_type": "EC2"}, "no network interface of its own"),
        (
            {"overrides": {"containerOverrides": [{"name": "flow-contaner"}]}},
            "Did you mean 'flow-container'",
        ),
        ({"family": "my flows"}, "no name for a family"),
        ({"containerDefinitions": main(logConfiguration=LOGS)}, "execution role"),
        ({"containerDefinitions": main(image=ECR), "metadata": {}}, "execution role"),
        (
            {"containerDefinitions": main(secrets=[{"name": "K", "valueFrom": "arn:aws:ssm:x"}])},
            "execution role",
        ),
        (
            {
                "executionRoleArn": ROLE,
                "containerDefinitions": main(
                    logConfiguration={"logDriver": "awslogs", "options": {"awslogs-group": "g"}}
                ),
            },
            "awslogs-stream-prefix",
        ),
        ({"containerDefinitions": main(essential=False)}, "essential"),
        (
            {"containerDefinitions": main(environment=[{"name": "LONG", "value": "x" * 65_000}])},
            "ECS takes 65,536",
        ),
        ({"containerDefinitions": [*main(), *main(image="x")]}, "same name"),
        ({"containerDefinitions": [*main(), {"image": "x"}]}, "no name"),
        ({"containerDefinitions": [*main(), {"name": "side"}]}, "no image"),
        ({"tags": [{"key": f"t{n}", "value": ""} for n in range(49)]}, "tags"),
        ({"tags": [{"key": "a", "value": ""}, {"key": "a", "value": ""}]}, "twice"),
    ],
)
def test_what_ecs_would_refuse_is_refused_here(
    settings: dict[str, Any], says: str, built: Build
) -> None:
    with pytest.raises(SpecError, match=says):
        built(**settings)


@pytest.mark.parametrize("missing", ["subnets", "execution role"])
def test_what_the_user_still_has_to_give_is_said_ready_to_paste(missing: str, built: Build) -> None:
    wrong: dict[str, Any] = {"subnets": {"networkConfiguration": {}}}.get(
        missing, {"containerDefinitions": main(logConfiguration=LOGS)}
    )
    with pytest.raises(SpecError) as refused:
        built(**wrong)

    assert {"subnets": "networkConfiguration={", "execution role": "executionRoleArn='arn:"}[
        missing
    ] in refused.value.hint


def test_a_nested_field_of_a_wrong_type_is_named_without_its_value(built: Build) -> None:
    with pytest.raises(SettingError) as refused:
        built(containerDefinitions=main(cpu="s3cr3t"))

    assert "containerDefinitions[main].cpu must be an integer, not str" in str(refused.value)
    assert "s3cr3t" not in str(refused.value)


def test_a_misspelt_nested_field_gets_the_nearest_right_name(built: Build) -> None:
    with pytest.raises(
        SettingError, match=r"containerDefinitions\[main\].comand is unknown. Did you"
    ):
        built(containerDefinitions=main(comand=["x"]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"tags": {"team": "a"}}, "tags must be a list, not dict. Write [{'key': …, 'value': …}]."),
        ({"region": "us-east-1"}, "Did you mean 'region_name'?"),
        ({"secrets": []}, "It belongs to containerDefinitions[0]."),
        ({"subnets": ["a"]}, "It belongs to networkConfiguration.awsvpcConfiguration."),
        (
            {"networkConfiguration": {"subnets": ["a"]}},
            "networkConfiguration.subnets is unknown. It belongs to "
            "networkConfiguration.awsvpcConfiguration.",
        ),
        (
            {"containerDefinitions": [{"name": "main", "executionRoleArn": "arn:x"}]},
            "containerDefinitions[main].executionRoleArn is unknown. It stands beside "
            "containerDefinitions, not in it.",
        ),
    ],
)
def test_a_known_name_in_a_wrong_place_is_answered_with_where_it_belongs(
    arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingError) as caught:
        FargateTaskEnvironment(**arguments)
    assert said in str(caught.value)


def test_a_missing_nested_field_is_named(built: Build) -> None:
    with pytest.raises(SpecError, match=r"awsvpcConfiguration.subnets is missing"):
        built(
            networkConfiguration={"awsvpcConfiguration": {}}, networkMode="none", launch_type="EC2"
        )


def test_a_secret_may_stand_for_a_text() -> None:
    entries = [{"name": "K", "value": Secret("x")}]
    overrides = {"containerOverrides": [{"name": "a", "environment": entries}]}
    check_request(RUN, {"taskDefinition": "t", "overrides": overrides}, parameters_of(RUN))


def test_several_problems_are_all_named() -> None:
    with pytest.raises(SpecError) as refused:
        check_request(
            REGISTER, {"family": 1, "volumes": {}, "pidMode": True}, parameters_of(REGISTER)
        )

    for name in ("family", "volumes", "pidMode", "containerDefinitions is missing"):
        assert name in str(refused.value)


def test_what_a_plugin_made_wrong_is_refused_before_any_call(built: Build, tmp_path: Any) -> None:
    tmp_path.joinpath("policy.py").write_text(
        "from flowenv import hookimpl\n\n@hookimpl\ndef flowenv_modify_spec(spec):\n"
        "    spec['run_task']['cluster'] = 7\n"
    )
    use_local_plugins([str(tmp_path / "policy.py")])

    with pytest.raises(SpecError, match="cluster must be a string"):
        built()


def test_a_log_router_as_the_first_container_is_refused(built: Build) -> None:
    router = {"name": "router", "image": "r:1", "firelensConfiguration": {"type": "fluentbit"}}

    with pytest.raises(SpecError, match="router, is a log router"):
        built(containerDefinitions=[router, {"name": "app"}])


def test_awslogs_without_a_group_is_refused(built: Build) -> None:
    logs = {"logDriver": "awslogs", "options": {"awslogs-stream-prefix": "x"}}

    with pytest.raises(SpecError, match="awslogs-group"):
        built(executionRoleArn=ROLE, containerDefinitions=[{"logConfiguration": logs}])


@pytest.mark.parametrize(
    ("url", "volume", "refused"),
    [
        ("file:///tmp/results", {}, True),
        ("file:///mnt/results", {}, True),
        ("file:///mnt/results", {"efsVolumeConfiguration": {"fileSystemId": "fs-1"}}, False),
        ("s3://bucket/results", {}, False),
    ],
)
def test_results_on_the_tasks_own_disk_are_refused(
    built: Build, url: str, volume: dict[str, Any], refused: bool
) -> None:
    settings = {
        "metadata": {"image": "flow:1", "results_url": url},
        "containerDefinitions": main(mountPoints=[{"sourceVolume": "v", "containerPath": "/mnt"}]),
        "volumes": [{"name": "v", **volume}],
    }
    if not refused:
        built(**settings)
        return
    with pytest.raises(SpecError, match="on the disk of the flow's container"):
        built(**settings)
