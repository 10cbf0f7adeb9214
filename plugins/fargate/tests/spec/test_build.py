"""The requests: what is registered once, and what each run adds."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowenv import Flow, Secret, preview
from flowenv.contract import AUTH_TOKEN, BASIC, FLOW_RUN_ID, IMAGE, PAYLOAD, PAYLOAD_SEAL
from flowenv.contract.process import COMMAND
from flowenv.errors import SpecError
from flowenv.plugin import configuration
from flowenv.registry.registry import use_local_plugins
from flowenv.testing import flows
from flowenv_fargate import FargateTaskEnvironment
from flowenv_fargate.spec.overrides import LIMIT, measure
from flowenv_fargate.spec.tags import MARKS

RUN_ID = "11111111-2222-3333-4444-555555555555"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
ROLE = "arn:aws:iam::123456789012:role/execution"
GOLDEN = Path(__file__).parent / "golden"
Build = Callable[..., dict[str, Any]]


def variables_of(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """A container's environment as a mapping; fails if a name comes twice."""
    names = [entry["name"] for entry in entries]
    assert len(set(names)) == len(names)
    return {entry["name"]: entry["value"] for entry in entries}


def flow_container(spec: dict[str, Any]) -> dict[str, Any]:
    return spec["task_definition"]["containerDefinitions"][0]  # type: ignore[no-any-return]


def flow_override(spec: dict[str, Any]) -> dict[str, Any]:
    return spec["run_task"]["overrides"]["containerOverrides"][0]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("minimal", {}),
        (
            "sidecar",
            {
                "family": "flows",
                "taskDefinition": "flows",
                "cluster": "c",
                "cpu": 512,
                "executionRoleArn": ROLE,
                "tags": [{"key": "team", "value": "a"}],
                "labels": ["nightly build"],
                "containerDefinitions": [
                    {"name": "main", "environment": [{"name": "A", "value": "1"}]},
                    {"name": "side", "image": "s:1", "essential": False, "command": ["tail"]},
                ],
            },
        ),
        ("ec2", {"launch_type": "EC2", "networkMode": "awsvpc"}),
    ],
)
def test_the_requests_are_as_recorded(
    name: str, settings: dict[str, Any], built: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWENV_SUBMITTER", "me@here")
    spec = built(**settings)
    # these change with versions and time
    variables = {e["name"]: e for e in flow_override(spec)["environment"]}
    variables[PAYLOAD]["value"] = variables[PAYLOAD]["value"].partition(",")[0]
    variables[PAYLOAD_SEAL]["value"] = "…"
    marks = json.loads(variables[MARKS]["value"])
    variables[MARKS]["value"] = json.dumps({**marks, "flowenv:created": "…"}, ensure_ascii=False)
    spec["run_task"]["tags"] = [
        {**tag, "value": "…"} if tag["key"] == "flowenv:created" else tag
        for tag in spec["run_task"]["tags"]
    ]
    path = GOLDEN / f"{name}.json"
    if os.environ.get("FLOWENV_WRITE_GOLDEN"):
        path.write_text(json.dumps(spec, indent=2, ensure_ascii=False) + "\n")

    assert spec == json.loads(path.read_text())


def test_the_first_container_gets_image_command_and_variables(built: Build) -> None:
    first = flow_container(built())

    assert first["image"] == "flow:1"
    assert first["command"] == list(COMMAND)
    assert set(BASIC) - {AUTH_TOKEN, FLOW_RUN_ID} <= set(variables_of(first["environment"]))


def test_run_identity_and_token_come_at_run_time_only(built: Build, monkeypatch: Any) -> None:
    monkeypatch.setenv(AUTH_TOKEN, "tok-123")
    spec = built()
    at_run_time = variables_of(flow_override(spec)["environment"])

    assert at_run_time[FLOW_RUN_ID] == RUN_ID
    assert at_run_time[AUTH_TOKEN] == Secret("tok-123")
    assert PAYLOAD in at_run_time
    text = json.dumps(spec["task_definition"])
    assert RUN_ID not in text
    assert "tok-123" not in text
    assert PAYLOAD not in text


def test_a_draft_and_a_run_have_the_same_definition(built: Build) -> None:
    assert built(draft=True)["task_definition"] == built()["task_definition"]


def test_other_containers_get_the_definitions_variables_and_keep_the_rest(built: Build) -> None:
    side = {
        "name": "side",
        "image": "s:1",
        "command": ["tail"],
        "environment": [{"name": "B", "value": "2"}],
        "secrets": [{"name": "KEY", "valueFrom": "arn:aws:ssm:eu-west-1:1:parameter/key"}],
    }
    spec = built(executionRoleArn=ROLE, containerDefinitions=[{"name": "main"}, side])
    found = spec["task_definition"]["containerDefinitions"][1]
    variables = variables_of(found.pop("environment"))

    assert {**found, "environment": side["environment"]} == side
    assert variables["B"] == "2"
    assert set(BASIC) - {AUTH_TOKEN, FLOW_RUN_ID} <= set(variables)
    assert AUTH_TOKEN not in variables


def test_the_users_own_entries_win_over_configuration(built: Build, tmp_path: Path) -> None:
    tmp_path.joinpath("flowenv.toml").write_text('[env]\nA = "configured"\nC = "3"\n')
    configuration.cache_clear()
    containers = [{"name": "main", "environment": [{"name": "A", "value": "own"}]}]
    variables = variables_of(flow_container(built(containerDefinitions=containers))["environment"])

    assert (variables["A"], variables["C"]) == ("own", "3")


def test_what_hooks_add_goes_to_the_run_since_it_may_depend_on_it(
    built: Build, tmp_path: Path
) -> None:
    tmp_path.joinpath("team.py").write_text(
        "from flowenv import hookimpl\n\n@hookimpl\n"
        "def flowenv_environment_variables(flow_run):\n    return {'RUN': flow_run.id}\n"
    )
    use_local_plugins([str(tmp_path / "team.py")])
    spec = built()

    assert variables_of(flow_override(spec)["environment"])["RUN"] == RUN_ID
    assert "RUN" not in variables_of(flow_container(spec)["environment"])


@pytest.mark.parametrize("given", ["reference", "text"])
def test_a_secret_with_an_arn_goes_through_ecs_secrets(
    given: str, built: Build, tmp_path: Path
) -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token"
    value = f"{{reference = '{arn}'}}" if given == "reference" else f"'{arn}'"
    tmp_path.joinpath("flowenv.toml").write_text(f"[secrets]\nauth_token = {value}\n")
    configuration.cache_clear()
    spec = built(executionRoleArn=ROLE)

    assert flow_container(spec)["secrets"] == [{"name": AUTH_TOKEN, "valueFrom": arn}]
    assert AUTH_TOKEN not in variables_of(flow_override(spec)["environment"])


def test_arguments_go_to_the_operations_that_take_them(built: Build) -> None:
    tags = [{"key": "team", "value": "a"}]
    spec = built(cluster="c", cpu="512", tags=tags, enableExecuteCommand=True)

    assert spec["run_task"]["cluster"] == "c"
    assert spec["run_task"]["enableExecuteCommand"] is True
    assert spec["run_task"]["networkConfiguration"] == NETWORK
    assert spec["task_definition"]["cpu"] == "512"
    assert tags[0] in spec["run_task"]["tags"]
    assert tags[0] in spec["task_definition"]["tags"]
    assert "cluster" not in spec["task_definition"]
    assert "cpu" not in spec["run_task"]


def test_fargate_gets_sensible_defaults(built: Build) -> None:
    definition = built()["task_definition"]

    assert definition["networkMode"] == "awsvpc"
    assert definition["requiresCompatibilities"] == ["FARGATE"]
    assert (definition["cpu"], definition["memory"]) == ("1024", "2048")


def test_with_an_execution_role_the_flow_logs_to_cloudwatch(built: Build) -> None:
    logs = flow_container(built(executionRoleArn=ROLE, log_group="/mine"))["logConfiguration"]

    assert logs["logDriver"] == "awslogs"
    assert logs["options"]["awslogs-group"] == "/mine"


@pytest.mark.parametrize("settings", [{}, {"executionRoleArn": ROLE, "log_group": None}])
def test_without_a_role_or_group_nothing_is_said_of_logs(
    settings: dict[str, Any], built: Build
) -> None:
    assert "logConfiguration" not in flow_container(built(**settings))


def test_without_a_family_the_name_follows_the_content(built: Build) -> None:
    one, same, other = built(), built(), built(cpu="2048")
    families = [spec["task_definition"]["family"] for spec in (one, same, other)]

    assert families[0] == families[1] != families[2]
    assert families[0].startswith("flowenv-add-")
    assert one["run_task"]["taskDefinition"] == families[0]


def test_a_family_is_the_definition_that_runs(built: Build) -> None:
    spec = built(family="flows", taskDefinition="flows")

    assert spec["task_definition"]["family"] == spec["run_task"]["taskDefinition"] == "flows"


def test_a_strategy_takes_the_launch_types_place(built: Build) -> None:
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    request = built(capacityProviderStrategy=strategy)["run_task"]

    assert request["capacityProviderStrategy"] == strategy
    assert "launchType" not in request


def test_an_existing_definition_is_not_registered_and_gets_all_at_run_time(built: Build) -> None:
    spec = built(taskDefinition="theirs:3", metadata={})
    override = flow_override(spec)

    assert "task_definition" not in spec
    assert spec["run_task"]["taskDefinition"] == "theirs:3"
    assert override["command"] == list(COMMAND)
    assert set(BASIC) <= set(variables_of(override["environment"]))


def test_the_image_may_be_in_the_users_container(built: Build) -> None:
    spec = built(metadata={}, containerDefinitions=[{"name": "main", "image": "mine:2"}])

    assert flow_container(spec)["image"] == "mine:2"
    assert variables_of(flow_container(spec)["environment"])[IMAGE] == "mine:2"


def test_without_any_image_the_error_says_where_one_can_be(built: Build) -> None:
    with pytest.raises(SpecError, match="image"):
        built(metadata={})


def test_the_users_overrides_are_kept_below_the_runs_own(built: Build) -> None:
    entries = [{"name": "X", "value": "1"}, {"name": FLOW_RUN_ID, "value": "mine"}]
    override = {"name": "flow-container", "memory": 1024, "environment": entries}
    spec = built(overrides={"containerOverrides": [override], "memory": "4096"})
    variables = variables_of(flow_override(spec)["environment"])

    assert flow_override(spec)["memory"] == 1024
    assert spec["run_task"]["overrides"]["memory"] == "4096"
    assert (variables["X"], variables[FLOW_RUN_ID]) == ("1", RUN_ID)


def test_nothing_of_a_run_changes_the_environments_arguments(prepared: Any) -> None:
    from flowenv_fargate import FargateTaskEnvironment

    environment = FargateTaskEnvironment(
        metadata={"image": "flow:1"},
        networkConfiguration=NETWORK,
        containerDefinitions=[{"name": "main", "environment": [{"name": "A", "value": "1"}]}],
    )
    before = json.dumps(environment.kwargs)
    first = prepared(environment).spec
    second = prepared(environment).spec

    assert json.dumps(environment.kwargs) == before
    assert first["task_definition"] == second["task_definition"]


def test_a_large_payload_goes_to_the_s3_place(
    built: Build, write_flow: Callable[[str], Flow[..., Any]]
) -> None:
    spec = built(flow=large_flow(write_flow), metadata=with_payload_url("s3://bucket/flows/"))

    assert spec["payload"]["place"] == "s3://bucket/flows/"
    assert b"noise" in spec["payload"]["content"]
    assert PAYLOAD not in variables_of(flow_override(spec)["environment"])


def test_a_large_payload_without_a_place_is_refused_before_any_call(
    built: Build, write_flow: Callable[[str], Flow[..., Any]]
) -> None:
    with pytest.raises(SpecError, match="payload_url"):
        built(flow=large_flow(write_flow))


@pytest.mark.parametrize("place", ["gs://bucket/x", "s3://", "/tmp/x"])
def test_a_place_that_is_not_in_s3_is_refused(
    place: str, built: Build, write_flow: Callable[[str], Flow[..., Any]]
) -> None:
    with pytest.raises(SpecError, match="s3://bucket"):
        built(flow=large_flow(write_flow), metadata=with_payload_url(place))


def test_a_payload_that_fits_with_its_overrides_is_within_ecs_limit(built: Build) -> None:
    assert measure(built()["run_task"]["overrides"]) <= LIMIT


def large_flow(write_flow: Callable[[str], Flow[..., Any]]) -> Flow[..., Any]:
    import random

    noise = random.Random(0).randbytes(9000).hex()
    return write_flow(f"noise = '{noise}'\n\n@flow\ndef noisy():\n    return len(noise)\n")


def with_payload_url(place: str) -> dict[str, Any]:
    return {"image": "flow:1", "payload_url": place}


@pytest.mark.parametrize("further", [{}, {"taskDefinition": "existing"}])
def test_explain_knows_every_variable_of_the_flows_container(further: dict[str, Any]) -> None:
    environment = FargateTaskEnvironment(networkConfiguration=NETWORK, **further)
    environment.metadata = {"image": "a"}
    seen = preview(flows.add, environment, parameters={"a": 1})
    names = {one["name"] for one in flow_override(seen.spec)["environment"]}
    if not further:
        names |= {one["name"] for one in flow_container(seen.spec)["environment"]}
    assert seen.variables().keys() == names
    assert seen.variables()[PAYLOAD].startswith("data:… (")


def test_a_small_payload_needs_no_place_whatever_is_configured(built: Build) -> None:
    spec = built(metadata={"image": "flow:1", "payload_url": "/srv/payloads"})
    [override] = spec["run_task"]["overrides"]["containerOverrides"]
    values = {one["name"]: one["value"] for one in override["environment"]}
    assert values["FLOWENV_PAYLOAD"].startswith("data:")
