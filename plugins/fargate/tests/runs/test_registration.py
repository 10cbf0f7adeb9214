"""Task definitions: registered once, found again, never mistaken."""

import json
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowenv import Flow
from flowenv.contract import AUTH_TOKEN, BASIC, FLOW_RUN_ID, GRAPHQL, IMAGE
from flowenv.contract.process import COMMAND
from flowenv.errors import PlatformError, RunConflict, SpecError
from flowenv.plugin import FlowRun, Reason
from flowenv_fargate import FargateTaskEnvironment
from flowenv_fargate.runs import log_groups
from flowenv_fargate.runs.account import forget
from flowenv_fargate.spec.tags import SPEC_HASH
from rigs.ecs import Account, EcsRig

OnRig = Callable[..., FargateTaskEnvironment]
Submit = Callable[..., FlowRun]


@pytest.fixture
def family() -> str:
    """A family that no other test has."""
    return f"family-{uuid.uuid4().hex[:8]}"


def revisions(rig: EcsRig, family: str) -> list[str]:
    listed = rig.client("ecs").list_task_definitions(familyPrefix=family)
    return [arn.rpartition("/")[2] for arn in listed["taskDefinitionArns"]]


def theirs(rig: EcsRig, environment: FargateTaskEnvironment, family: str, **changes: Any) -> str:
    """Somebody else's definition of that family, with a container of their own."""
    container = {"name": "theirs", "image": "flow:1", **changes}
    answer = rig.client("ecs").register_task_definition(
        family=family,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        executionRoleArn=environment.kwargs["executionRoleArn"],
        containerDefinitions=[container],
    )
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def sent(rig: EcsRig, operation: str = "RunTask") -> Any:
    return rig.requests.of(operation)[-1].parameters


def test_ten_runs_share_one_revision(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    for _ in range(10):
        submit(on_rig(family=family))

    assert revisions(rig, family) == [f"{family}:1"]
    assert rig.requests.count("RunTask") == 10
    assert rig.requests.count("DescribeTaskDefinition") == 1


def test_another_process_finds_the_same_definition_by_its_tag(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    submit(on_rig(family=family))
    forget()
    submit(on_rig(family=family))

    assert revisions(rig, family) == [f"{family}:1"]


def test_runs_without_a_family_share_a_revision_too(
    rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    for _ in range(2):
        submit(on_rig(memory="4096"))
        forget()

    assert rig.requests.count("RegisterTaskDefinition") == 1


def test_setup_alone_registers_what_a_run_will_use(
    rig: EcsRig, on_rig: OnRig, submit: Submit, small_flow: Flow[..., Any], family: str
) -> None:
    environment = on_rig(family=family)
    environment.setup(small_flow)
    environment.setup(small_flow)
    submit(environment)

    assert revisions(rig, family) == [f"{family}:1"]
    assert rig.requests.count("RunTask") == 1


def test_the_exact_revision_runs(rig: EcsRig, on_rig: OnRig, submit: Submit, family: str) -> None:
    submit(on_rig(family=family))

    assert sent(rig)["taskDefinition"].endswith(f":task-definition/{family}:1")


def test_the_definition_is_tagged_with_its_hash(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    submit(on_rig(family=family))

    assert SPEC_HASH in [tag["key"] for tag in sent(rig, "RegisterTaskDefinition")["tags"]]


def test_a_family_with_another_definition_is_an_error_that_says_in_what(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    submit(on_rig(family=family))
    forget()

    with pytest.raises(RunConflict) as refused:
        submit(on_rig(family=family, memory="4096", metadata={"image": "flow:2"}))
    assert "memory (2048 there, 4096 here)" in str(refused.value)
    assert "flow:1 there, flow:2 here" in str(refused.value)
    assert "on_mismatch='register'" in refused.value.hint
    assert rig.requests.count("RunTask") == 1


def test_on_mismatch_register_makes_a_new_revision(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    submit(on_rig(family=family))
    submit(on_rig(family=family, memory="4096", on_mismatch="register"))

    assert revisions(rig, family) == [f"{family}:1", f"{family}:2"]
    assert sent(rig)["taskDefinition"].endswith(f"{family}:2")


def test_somebody_elses_definition_that_fits_is_used_and_not_changed(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    environment = on_rig(family=family, cpu="0.25 vCPU", executionRoleArn=None)
    theirs(rig, on_rig(), family)
    with pytest.warns(UserWarning, match="doesn't log"):
        submit(environment)
    [override] = sent(rig)["overrides"]["containerOverrides"]

    assert revisions(rig, family) == [f"{family}:1"]
    assert override["name"] == "theirs"
    assert override["command"] == list(COMMAND)
    assert set(BASIC) <= {entry["name"] for entry in override["environment"]}


def test_other_containers_of_somebody_elses_definition_get_the_variables_too(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    containers = [{"name": "main", "image": "flow:1"}, {"name": "side", "image": "flow:2"}]
    rig.client("ecs").register_task_definition(
        family=family,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=containers,
    )
    with pytest.warns(UserWarning, match="doesn't log"):
        submit(on_rig(family=family, executionRoleArn=None, containerDefinitions=containers))
    main, side = sent(rig)["overrides"]["containerOverrides"]

    assert (main["name"], side["name"]) == ("main", "side")
    assert IMAGE in {entry["name"] for entry in side["environment"]}
    assert "command" not in side


def test_somebody_elses_definition_that_differs_is_an_error(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    theirs(rig, on_rig(), family)

    with pytest.raises(RunConflict, match="256 there, 512 here"):
        submit(on_rig(family=family, cpu="512"))


def test_a_secret_that_somebody_elses_definition_lacks_is_an_error(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT__CLOUD__AUTH_TOKEN", "arn:aws:secretsmanager:eu-west-1:1:secret:t")
    theirs(rig, on_rig(), family)

    with pytest.raises(SpecError, match="only in the definition"):
        submit(on_rig(family=family))


@pytest.mark.parametrize("times", [1, 3])
def test_throttling_is_not_mistaken_for_not_registered(
    times: int, rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    submit(on_rig(family=family))
    forget()
    with rig.faults.inject("throttling", operation="DescribeTaskDefinition", times=times):
        submit(on_rig(family=family))

    assert revisions(rig, family) == [f"{family}:1"]


def test_a_denied_look_is_not_mistaken_for_not_registered(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    fault = rig.faults.inject("access_denied", operation="DescribeTaskDefinition")
    with fault, pytest.raises(PlatformError) as refused:
        submit(on_rig(family=family))

    assert refused.value.reason is Reason.ACCESS_DENIED
    assert rig.requests.count("RegisterTaskDefinition") == 0


@pytest.mark.parametrize("fault", ["throttling", "throttling_disguised", "answer_lost"])
def test_a_registration_that_is_tried_again_makes_one_revision(
    fault: str, rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    with rig.faults.inject(fault, operation="RegisterTaskDefinition") as injected:
        submit(on_rig(family=family))

    assert injected.struck == 1
    assert revisions(rig, family) == [f"{family}:1"]


def test_endless_throttling_comes_to_an_end(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    fault = rig.faults.inject("throttling", operation="RegisterTaskDefinition", times=None)
    with fault, pytest.raises(PlatformError, match="ThrottlingException"):
        submit(on_rig(family=family))

    assert 3 <= fault.struck <= 10


def test_runs_that_start_at_once_register_once(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    environment = on_rig(family=family)
    threads = [threading.Thread(target=submit, args=(environment,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert rig.requests.count("RunTask") == 8
    assert rig.requests.count("RegisterTaskDefinition") == 1
    assert rig.requests.count("DescribeTaskDefinition") == 1


def test_a_definition_that_was_deregistered_meanwhile_is_registered_again(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    submit(on_rig(family=family))
    rig.client("ecs").deregister_task_definition(taskDefinition=f"{family}:1")
    submit(on_rig(family=family))

    assert revisions(rig, family) == [f"{family}:2"]


def test_a_mismatch_is_a_wrong_value_and_speaks_of_no_other_run(
    on_rig: OnRig, submit: Submit, family: str
) -> None:
    submit(on_rig(family=family))

    with pytest.raises(ValueError, match="another task definition") as refused:
        submit(on_rig(family=family, memory="4096"))
    assert "another run" not in str(refused.value).lower()


def test_a_role_may_be_named_in_one_run_and_given_by_its_arn_in_the_next(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str, account: Account
) -> None:
    submit(on_rig(family=family))
    forget()
    submit(on_rig(family=family, executionRoleArn=account.execution_role_arn.rpartition("/")[2]))

    assert revisions(rig, family) == [f"{family}:1"]


def test_what_one_run_left_out_and_another_asks_for_is_not_mistaken(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    theirs(rig, on_rig(), family)
    with pytest.warns(UserWarning, match="doesn't log"):
        submit(on_rig(family=family, executionRoleArn=None))

    with pytest.raises(ValueError, match="256 there, 1024 here"):
        submit(on_rig(family=family, executionRoleArn=None, cpu="1024"))
    assert rig.requests.count("RunTask") == 1


def test_a_log_group_that_was_deleted_is_made_again(
    rig: EcsRig,
    on_rig: OnRig,
    submit: Submit,
    family: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_groups, "SEEN_FOR", 0.0)
    environment = on_rig(family=family, log_group=f"/ecs/{family}")
    submit(environment).wait(20)
    rig.client("logs").delete_log_group(logGroupName=f"/ecs/{family}")

    assert submit(environment).result(20) == 3


def test_a_log_group_that_a_task_has_missed_is_made_for_the_next(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    environment = on_rig(family=family, log_group=f"/ecs/{family}")
    submit(environment).wait(20)
    rig.client("logs").delete_log_group(logGroupName=f"/ecs/{family}")

    assert submit(environment).wait(20).reason is Reason.CONFIGURATION
    assert submit(environment).result(20) == 3


def test_the_log_group_is_made_with_the_definition(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    submit(on_rig(family=family, log_group=f"/ecs/{family}"))
    groups = rig.client("logs").describe_log_groups(logGroupNamePrefix=f"/ecs/{family}")
    [container] = sent(rig, "RegisterTaskDefinition")["containerDefinitions"]

    assert [group["logGroupName"] for group in groups["logGroups"]] == [f"/ecs/{family}"]
    assert container["logConfiguration"]["options"]["awslogs-region"] == rig.region


def test_a_log_group_that_may_not_be_made_says_how_to_do_without(
    rig: EcsRig, on_rig: OnRig, submit: Submit, family: str
) -> None:
    fault = rig.faults.inject("access_denied", operation="CreateLogGroup")
    with fault, pytest.raises(PlatformError, match="log_group=None"):
        submit(on_rig(family=family))


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
