"""Task definitions: registered once, found again, never mistaken."""

import threading
from typing import Any

import pytest

from flowenv import Flow
from flowenv.contract import BASIC, IMAGE
from flowenv.contract.process import COMMAND
from flowenv.errors import PlatformError, RunConflict, SpecError
from flowenv.plugin import Reason
from flowenv_fargate.runs import log_groups
from flowenv_fargate.runs.account import forget
from flowenv_fargate.spec.tags import SPEC_HASH
from rigs.ecs import Account, EcsRig

from .definitions import OnRig, Submit, revisions, sent, theirs


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
