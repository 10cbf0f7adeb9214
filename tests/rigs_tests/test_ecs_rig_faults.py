"""Faults by name: each does what its name says, as often as asked, and is gone afterwards."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.parsers import ResponseParserError

from rigs.ecs import EcsRig, Image, Script, ScriptedRunner
from rigs.ecs.simple_tasks import SimpleTasks

RETRYING = Config(retries={"total_max_attempts": 3})


@pytest.fixture(scope="module")
def module_rig() -> Iterator[EcsRig]:
    runner = ScriptedRunner(lambda _task: Script(running_steps=None), advance_when_described=True)
    with EcsRig({"flow:1": Image()}, runner=runner) as rig:
        yield rig


@pytest.fixture(scope="module")
def module_tasks(module_rig: EcsRig) -> SimpleTasks:
    tasks = SimpleTasks(module_rig)
    tasks.register()
    return tasks


@pytest.fixture
def tasks(module_tasks: SimpleTasks) -> Iterator[SimpleTasks]:
    yield module_tasks
    module_tasks.rig.faults.clear()
    module_tasks.rig.requests.clear()


@pytest.fixture
def rig(tasks: SimpleTasks) -> EcsRig:
    return tasks.rig


def error_of(call: Any, **parameters: Any) -> tuple[str, str]:
    """Code and message with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def run_until_stopped(tasks: SimpleTasks) -> dict[str, Any]:
    task = tasks.run()
    for _ in range(10):
        [shown] = tasks.describe(task)
        if shown["lastStatus"] == "STOPPED":
            return shown
    raise AssertionError(f"still {shown['lastStatus']}")


def test_throttling_strikes_as_often_as_asked(rig: EcsRig, tasks: SimpleTasks) -> None:
    fault = rig.faults.inject("throttling", operation="RunTask", times=2)

    errors = [error_of(tasks.run) for _ in range(2)]
    tasks.run()

    assert errors == [("ThrottlingException", "Rate exceeded")] * 2
    assert (fault.struck, fault.remaining, rig.faults.active) == (2, 0, [])


def test_a_fault_strikes_only_its_operation(rig: EcsRig, tasks: SimpleTasks) -> None:
    with rig.faults.inject("throttling", operation="RunTask"):
        assert tasks.ecs.list_tasks(cluster=tasks.account.cluster)["taskArns"] is not None


def test_a_fault_ends_with_its_block(rig: EcsRig, tasks: SimpleTasks) -> None:
    with rig.faults.inject("throttling", times=None):
        error_of(tasks.ecs.list_clusters)

    tasks.ecs.list_clusters()


def test_throttling_in_the_disguise_of_run_task(rig: EcsRig, tasks: SimpleTasks) -> None:
    rig.faults.inject("throttling_disguised")

    code, message = error_of(tasks.run)

    assert code == "InvalidParameterException"
    assert message.endswith(": Rate exceeded (ErrorCode: Throttling)")


def test_throttling_in_the_disguise_of_register_task_definition(
    rig: EcsRig, tasks: SimpleTasks
) -> None:
    rig.faults.inject("throttling_disguised", operation="RegisterTaskDefinition")

    assert error_of(tasks.register) == (
        "ClientException",
        "Too many concurrent attempts to create a new revision of the specified family.",
    )


def test_a_lost_answer_means_done_but_not_told(rig: EcsRig, tasks: SimpleTasks) -> None:
    rig.faults.inject("answer_lost")

    with pytest.raises(ConnectionClosedError):
        tasks.ecs.run_task(**tasks.request(startedBy="lost"))

    done = tasks.ecs.list_tasks(cluster=tasks.account.cluster, startedBy="lost")["taskArns"]
    assert len(done) == 1
    assert [entry.status for entry in rig.requests.of("RunTask")] == [None]


def test_a_retry_after_a_lost_answer_finds_the_same_task(rig: EcsRig, tasks: SimpleTasks) -> None:
    rig.faults.inject("answer_lost")
    request = tasks.request(startedBy="retried", clientToken="retried")

    answer = rig.client("ecs", config=RETRYING).run_task(**request)

    done = tasks.ecs.list_tasks(cluster=tasks.account.cluster, startedBy="retried")["taskArns"]
    assert done == [answer["tasks"][0]["taskArn"]]
    assert rig.requests.count("RunTask") == 2


def test_a_lost_answer_to_register_task_definition_leaves_a_revision(
    rig: EcsRig, tasks: SimpleTasks
) -> None:
    rig.faults.inject("answer_lost", operation="RegisterTaskDefinition")

    with pytest.raises(ConnectionClosedError):
        tasks.register("lost")

    found = tasks.ecs.list_task_definitions(familyPrefix="lost")["taskDefinitionArns"]
    assert len(found) == 1


def test_no_capacity_is_a_failure_and_not_an_error(rig: EcsRig, tasks: SimpleTasks) -> None:
    rig.faults.inject("capacity")
    rig.faults.inject("capacity", reason="RESOURCE:MEMORY")

    first, second = (tasks.ecs.run_task(**tasks.request()) for _ in range(2))

    assert first["tasks"] == []
    assert first["failures"][0]["reason"].startswith("Capacity is unavailable at this time")
    assert second["failures"][0]["reason"] == "RESOURCE:MEMORY"


def test_a_new_task_is_missing_for_a_while(rig: EcsRig, tasks: SimpleTasks) -> None:
    rig.faults.inject("missing", times=2)
    task = tasks.run()

    answers = [
        tasks.ecs.describe_tasks(cluster=tasks.account.cluster, tasks=[task]) for _ in range(3)
    ]

    assert [len(answer["tasks"]) for answer in answers] == [0, 0, 1]
    assert answers[0]["failures"] == [{"arn": task, "reason": "MISSING"}]


def test_expired_credentials_in_the_words_of_each_service(rig: EcsRig) -> None:
    rig.faults.inject("credentials_expired", times=4)

    codes = [
        error_of(rig.client("ecs").list_clusters)[0],
        error_of(rig.client("logs").describe_log_groups)[0],
        error_of(rig.client("sts").get_caller_identity)[0],
        error_of(rig.client("ec2").describe_subnets)[0],
    ]

    assert codes == [
        "ExpiredTokenException",
        "ExpiredTokenException",
        "ExpiredToken",
        "RequestExpired",
    ]


def test_only_the_old_key_is_expired(rig: EcsRig) -> None:
    rig.faults.inject("credentials_expired", access_key_id="AKIAOLD", times=None)

    old = rig.client("ecs", aws_access_key_id="AKIAOLD", aws_secret_access_key="x")
    new = rig.client("ecs", aws_access_key_id="AKIANEW", aws_secret_access_key="x")

    assert error_of(old.list_clusters)[0] == "ExpiredTokenException"
    assert new.list_clusters()["clusterArns"]


def test_access_is_denied_with_the_action_that_was_tried(rig: EcsRig, tasks: SimpleTasks) -> None:
    rig.faults.inject("access_denied", operation="DescribeTaskDefinition")

    code, message = error_of(tasks.ecs.describe_task_definition, taskDefinition="simple")

    assert code == "AccessDeniedException"
    assert "is not authorized to perform: ecs:DescribeTaskDefinition" in message


@pytest.mark.parametrize("status", [403, 502])
def test_a_proxys_page_is_an_error_whose_code_is_its_status(
    rig: EcsRig, tasks: SimpleTasks, status: int
) -> None:
    rig.faults.inject("html", status=status)

    code, message = error_of(tasks.ecs.list_tasks)

    assert code == str(status)
    assert message.startswith("<!DOCTYPE html>")


def test_a_proxys_page_with_status_200_looks_to_boto3_like_an_empty_answer(
    rig: EcsRig, tasks: SimpleTasks
) -> None:
    task = tasks.run()
    rig.faults.inject("html", operation="DescribeTasks", status=200)

    answer = tasks.ecs.describe_tasks(cluster=tasks.account.cluster, tasks=[task])

    assert answer.keys() == {"ResponseMetadata"}
    assert answer["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "text/html"


@pytest.mark.parametrize("status", [200, 403, 502])
def test_a_proxys_page_is_an_error_of_botocores_parser_where_sts_should_answer(
    rig: EcsRig, status: int
) -> None:
    rig.faults.inject("html", status=status)

    with pytest.raises(ResponseParserError, match="invalid XML received"):
        rig.client("sts").get_caller_identity()


def test_a_log_stream_can_be_missing_for_a_while(rig: EcsRig) -> None:
    logs = rig.client("logs")
    names = {"logGroupName": "/missing", "logStreamName": "run"}
    logs.create_log_group(logGroupName="/missing")
    logs.create_log_stream(**names)

    with (
        rig.faults.inject("log_stream_missing", times=None),
        pytest.raises(ClientError, match="The specified log stream does not exist"),
    ):
        logs.get_log_events(**names)

    assert logs.get_log_events(**names)["events"] == []


@pytest.mark.parametrize(
    ("fault", "stop_code", "reason"),
    [
        ("image_pull", "TaskFailedToStart", "CannotPullContainerError: "),
        ("eni_failure", "TaskFailedToStart", "Timeout waiting for network interface"),
        ("oom_kill", "EssentialContainerExited", "Essential container in task exited"),
        ("spot_interruption", "SpotInterruption", "Your Spot Task was interrupted."),
    ],
)
@pytest.mark.parametrize("kind", ["processes", "scripted"])
def test_faults_of_tasks(
    rig: EcsRig, tasks: SimpleTasks, fault: str, stop_code: str, reason: str, kind: str
) -> None:
    if kind == "scripted":
        rig.faults.inject(fault)
        shown = run_until_stopped(tasks)
    else:
        with EcsRig({"flow:1": Image()}, stop_timeout=0.1) as other:
            others = SimpleTasks(other)
            other.faults.inject(fault)
            task = others.run(["sleep", "60"])
            other.tasks.wait(task)
            [shown] = others.describe(task)

    assert shown["stopCode"] == stop_code
    assert shown["stoppedReason"].startswith(reason)


def test_a_killed_container_says_that_it_was_for_memory(rig: EcsRig, tasks: SimpleTasks) -> None:
    rig.faults.inject("oom_kill")

    [container] = run_until_stopped(tasks)["containers"]

    assert container["exitCode"] == 137
    assert container["reason"] == "OutOfMemoryError: Container killed due to memory usage"


def test_without_an_interface_there_are_no_containers_to_show(
    rig: EcsRig, tasks: SimpleTasks
) -> None:
    rig.faults.inject("eni_failure")

    assert run_until_stopped(tasks)["containers"] == []


def test_an_unknown_fault_is_answered_with_the_nearest_name(rig: EcsRig) -> None:
    with pytest.raises(ValueError, match="Did you mean throttling"):
        rig.faults.inject("throtling")


def test_a_fault_for_an_operation_it_cannot_strike_is_refused(rig: EcsRig) -> None:
    with pytest.raises(ValueError, match="strikes RunTask, not ListTasks"):
        rig.faults.inject("capacity", operation="ListTasks")
    with pytest.raises(ValueError, match="strikes tasks, not calls"):
        rig.faults.inject("oom_kill", operation="RunTask")
    with pytest.raises(ValueError, match="times has to be"):
        rig.faults.inject("missing", times=0)
