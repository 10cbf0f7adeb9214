"""Definitions that are there already, and secrets that a definition has."""

import json
from pathlib import Path

import pytest

from flowenv.contract import AUTH_TOKEN, FLOW_RUN_ID, GRAPHQL, IMAGE
from flowenv.errors import PlatformError, SpecError
from flowenv_fargate import FargateTaskEnvironment
from rigs.ecs import Account, EcsRig

from .definitions import OnRig, Submit, revisions, sent, theirs

# -- existing definitions ---------------------------------------------------------------------


@pytest.mark.parametrize("revision", ["", ":1", "arn"])
def test_an_existing_definition_runs_as_it_is(
    revision: str, rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    arn = theirs(rig, on_rig(), family)
    name = arn if revision == "arn" else family + revision
    with pytest.warns(UserWarning, match="doesn't log"):
        submit(on_rig(taskDefinition=name, executionRoleArn=None, metadata=None))
    [override] = sent(rig)["overrides"]["containerOverrides"]
    variables = {entry["name"]: entry["value"] for entry in override["environment"]}

    assert revisions(rig, family) == [f"{family}:1"]
    assert sent(rig)["taskDefinition"] == arn
    assert override["name"] == "theirs"
    assert variables[IMAGE] == "flow:1"


def test_an_existing_definition_that_is_not_there_is_an_error_with_a_next_step(
    on_rig: OnRig, submit: Submit
) -> None:
    with pytest.raises(PlatformError, match="no active task definition 'nobodys'"):
        submit(on_rig(taskDefinition="nobodys", executionRoleArn=None))


def test_another_image_than_the_existing_definitions_is_an_error(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    theirs(rig, on_rig(), family)

    with pytest.raises(SpecError, match="image can't be overridden"):
        submit(on_rig(taskDefinition=family, executionRoleArn=None, metadata={"image": "flow:2"}))
    assert rig.requests.count("RunTask") == 0


def test_an_existing_definition_that_needs_subnets_says_so_before_the_run(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    theirs(rig, on_rig(), family)

    with pytest.raises(SpecError, match="subnets"):
        submit(on_rig(taskDefinition=family, executionRoleArn=None, networkConfiguration=None))
    assert rig.requests.count("RunTask") == 0


def test_a_log_router_that_comes_first_is_not_the_flows_container(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str, account: Account
) -> None:
    logs = account.log_configuration("theirs")
    rig.client("ecs").register_task_definition(
        family=family,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        executionRoleArn=account.execution_role_arn,
        containerDefinitions=[
            {"name": "router", "image": "flow:1", "firelensConfiguration": {"type": "fluentbit"}},
            {"name": "app", "image": "flow:1", "logConfiguration": logs},
            {"name": "x", "image": "flow:1", "logConfiguration": {"logDriver": "awsfirelens"}},
        ],
    )
    submit(on_rig(taskDefinition=family, executionRoleArn=None))
    [override] = sent(rig)["overrides"]["containerOverrides"]

    assert override["name"] == "app"


@pytest.mark.filterwarnings("ignore:The container:UserWarning")
def test_an_override_of_another_container_first_is_not_taken_for_the_flows(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    theirs(rig, on_rig(), family)
    side = {"name": "side", "command": ["true"]}
    existing = {"taskDefinition": family, "executionRoleArn": None}

    with pytest.raises(SpecError, match="'name': 'theirs'"):
        submit(on_rig(**existing, overrides={"containerOverrides": [side]}))
    assert rig.requests.count("RunTask") == 0
    submit(on_rig(**existing, overrides={"containerOverrides": [{"name": "theirs"}]}))


@pytest.mark.filterwarnings("ignore:The container:UserWarning")
def test_what_aws_prints_of_a_definition_can_be_given_as_it_is(
    rig: EcsRig,
    on_rig: OnRig,
    submit: Submit,
    family: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    theirs(rig, on_rig(), family, portMappings=[{"containerPort": 80}, {"containerPort": 81}])
    described = rig.client("ecs").describe_task_definition(taskDefinition=family, include=["TAGS"])
    printed = json.loads(json.dumps(described, default=str))
    working = on_rig().kwargs
    with caplog.at_level("INFO", "flowenv.fargate"):
        environment = on_rig(
            **{name: None for name in working if name in printed["taskDefinition"]},
            **printed,
        )

    assert len([one for one in caplog.records if "Left out" in one.message]) == 1
    assert submit(environment).reference
    assert revisions(rig, family) == [f"{family}:1"]


# -- secrets of definitions -------------------------------------------------------------------

TOKEN_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token"


def secrets(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "valueFrom": TOKEN_ARN} for name in names]


@pytest.fixture(params=["existing", "family"])
def with_theirs(
    request: pytest.FixtureRequest, on_rig: OnRig, family: str
) -> FargateTaskEnvironment:
    """An environment that runs somebody else's definition, in both ways of naming it."""
    if request.param == "existing":
        return on_rig(taskDefinition=family, executionRoleArn=None)
    return on_rig(family=family)


@pytest.mark.filterwarnings("ignore:The container:UserWarning")
def test_what_a_definition_has_among_its_secrets_is_never_overridden(
    rig: EcsRig,
    on_rig: OnRig,
    submit: Submit,
    family: str,
    with_theirs: FargateTaskEnvironment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(AUTH_TOKEN, "tok-123")
    theirs(rig, on_rig(), family, secrets=secrets(AUTH_TOKEN, GRAPHQL))
    submit(with_theirs)
    [override] = sent(rig)["overrides"]["containerOverrides"]

    assert {AUTH_TOKEN, GRAPHQL}.isdisjoint(entry["name"] for entry in override["environment"])


@pytest.mark.filterwarnings("ignore:The container:UserWarning")
@pytest.mark.parametrize("given", ["reference", "text"])
def test_a_secret_by_reference_comes_from_the_definition_that_has_it(
    given: str,
    rig: EcsRig,
    on_rig: OnRig,
    submit: Submit,
    family: str,
    with_theirs: FargateTaskEnvironment,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    if given == "text":
        monkeypatch.setenv(AUTH_TOKEN, TOKEN_ARN)
    else:
        path = tmp_path / "flowenv.toml"
        path.write_text(f'[secrets]\nauth_token = {{reference = "{TOKEN_ARN}"}}\n')
        monkeypatch.setenv("FLOWENV_CONFIG", str(path))
    theirs(rig, on_rig(), family, secrets=secrets(AUTH_TOKEN))
    submit(with_theirs)

    assert TOKEN_ARN not in str(sent(rig)["overrides"])


def test_a_secret_by_reference_that_the_definition_lacks_is_an_error(
    rig: EcsRig,
    on_rig: OnRig,
    submit: Submit,
    family: str,
    with_theirs: FargateTaskEnvironment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(AUTH_TOKEN, TOKEN_ARN)
    theirs(rig, on_rig(), family)

    with pytest.raises(SpecError, match="only in the definition"):
        submit(with_theirs)
    assert rig.requests.count("RunTask") == 0


def test_a_secret_in_place_of_the_runs_own_id_is_an_error(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str, with_theirs: FargateTaskEnvironment
) -> None:
    theirs(rig, on_rig(), family, secrets=secrets(FLOW_RUN_ID))

    with pytest.raises(SpecError, match="every run has its own"):
        submit(with_theirs)
