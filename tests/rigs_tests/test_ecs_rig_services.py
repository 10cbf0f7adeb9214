"""What surrounds tasks on AWS: logs, secrets, payloads, and what a doctor looks at."""

import json
import urllib.request
from collections.abc import Iterator

import pytest

from rigs.ecs import EcsRig, Image
from rigs.ecs.simple_tasks import SimpleTasks


@pytest.fixture(scope="module")
def rig() -> Iterator[EcsRig]:
    with EcsRig({"flow:1": Image.of_interpreter()}, stop_timeout=0.3) as rig:
        yield rig


@pytest.fixture(scope="module")
def tasks(rig: EcsRig) -> SimpleTasks:
    return SimpleTasks(rig)


def value_in_task(tasks: SimpleTasks, value_from: str) -> str:
    """What a task finds in a variable that comes from a secret."""
    secrets = [{"name": "SECRET", "valueFrom": value_from}]
    arn = tasks.register("secret", containerDefinitions=[tasks.container(secrets=secrets)])
    task = tasks.rig.tasks.wait(tasks.run(["sh", "-c", "echo $SECRET"], taskDefinition=arn))
    assert task.stop_code == "EssentialContainerExited", task.stopped_reason
    return tasks.lines(task.arn)[0]


def test_lines_of_output_and_errors_are_events_in_order(rig: EcsRig, tasks: SimpleTasks) -> None:
    task = tasks.run(["sh", "-c", "echo one; echo two >&2; printf 'ä no newline'"])
    rig.tasks.wait(task)

    assert tasks.lines(task) == ["one", "two", "ä no newline"]


def test_the_stream_may_appear_after_the_start() -> None:
    with EcsRig({"flow:1": Image()}, log_delay=600, stop_timeout=0) as rig:
        tasks = SimpleTasks(rig)
        task = tasks.run(["sleep", "60"])
        rig.tasks.wait(task, "RUNNING")

        with pytest.raises(rig.client("logs").exceptions.ResourceNotFoundException):
            tasks.lines(task)


def test_a_line_may_come_long_after_the_end_of_its_task(rig: EcsRig, tasks: SimpleTasks) -> None:
    rig.log_latency = 25
    try:
        task = rig.tasks.wait(tasks.run(["echo", "late"]))
    finally:
        rig.log_latency = 0

    assert task.lines_written == 1
    assert tasks.lines(task.arn) == []
    rig.pass_time(20)
    assert tasks.lines(task.arn) == []
    rig.pass_time(5)
    assert tasks.lines(task.arn) == ["late"]


def test_a_late_line_keeps_the_time_at_which_it_was_written(
    rig: EcsRig, tasks: SimpleTasks
) -> None:
    rig.log_latency = 25
    try:
        task = rig.tasks.wait(tasks.run(["echo", "late"]))
    finally:
        rig.log_latency = 0
    rig.pass_time(25)

    [event] = rig.client("logs").get_log_events(
        logGroupName=tasks.account.log_group, logStreamName=f"run/main/{task.id}"
    )["events"]

    assert event["timestamp"] / 1000 <= task.times["stoppedAt"]


def test_lines_for_a_log_group_that_was_deleted_are_lost(rig: EcsRig) -> None:
    account = rig.prepare("deleted")
    tasks = SimpleTasks(rig, account)
    arn = tasks.register("deleted")
    script = "import time; print(1, flush=True)\nwhile not __import__('os').path.exists('end'): "
    task = tasks.run(["python", "-c", f"{script}time.sleep(0.01)"], taskDefinition=arn)
    rig.tasks.wait(task, lambda running: running.lines_written == 1)
    rig.client("logs").delete_log_group(logGroupName=account.log_group)

    tasks.ecs.stop_task(cluster=account.cluster, task=task)

    assert rig.tasks.wait(task).stop_code == "UserInitiated"
    with pytest.raises(rig.client("logs").exceptions.ResourceNotFoundException):
        tasks.lines(task)


def test_long_output_comes_in_pages(rig: EcsRig, tasks: SimpleTasks) -> None:
    task = tasks.run(["python", "-c", "for n in range(12000): print(n)"])
    rig.tasks.wait(task)
    names = {
        "logGroupName": tasks.account.log_group,
        "logStreamName": f"run/main/{task.rpartition('/')[2]}",
    }

    messages: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = rig.client("logs").get_log_events(**names, startFromHead=True, **token)
        if token == {"nextToken": page["nextForwardToken"]}:
            break
        token = {"nextToken": page["nextForwardToken"]}
        messages += [event["message"] for event in page["events"]]

    assert messages == [str(n) for n in range(12000)]


def test_a_log_group_that_is_not_there_stops_the_task(rig: EcsRig, tasks: SimpleTasks) -> None:
    log = tasks.account.log_configuration()
    log["options"]["awslogs-group"] = "/none"
    tasks.register("no-group", containerDefinitions=[tasks.container(logConfiguration=log)])

    task = rig.tasks.wait(tasks.run(["true"], taskDefinition="no-group"))

    assert task.stop_code == "TaskFailedToStart"
    assert "The specified log group does not exist" in str(task.stopped_reason)


def test_a_log_group_is_made_when_the_definition_says_so(rig: EcsRig, tasks: SimpleTasks) -> None:
    log = tasks.account.log_configuration()
    log["options"] |= {"awslogs-group": "/made", "awslogs-create-group": "true"}
    tasks.register("group", containerDefinitions=[tasks.container(logConfiguration=log)])

    rig.tasks.wait(tasks.run(["echo", "hello"], taskDefinition="group"))

    assert rig.client("logs").describe_log_groups(logGroupNamePrefix="/made")["logGroups"]


@pytest.mark.parametrize("name", ["/flows/token", "token"])
def test_a_parameter_by_name_and_by_arn(rig: EcsRig, tasks: SimpleTasks, name: str) -> None:
    rig.client("ssm").put_parameter(Name=name, Value=f"of {name}", Type="SecureString")
    arn = f"arn:aws:ssm:{rig.region}:{rig.account_id}:parameter/{name.lstrip('/')}"

    assert value_in_task(tasks, name) == f"of {name}"
    assert value_in_task(tasks, arn) == f"of {name}"


def test_a_secret_as_a_whole_and_one_key_of_it(rig: EcsRig, tasks: SimpleTasks) -> None:
    text = json.dumps({"user": "me", "token": "t1"})
    arn = rig.client("secretsmanager").create_secret(Name="api", SecretString=text)["ARN"]

    assert value_in_task(tasks, arn) == text
    assert value_in_task(tasks, f"{arn}:token::") == "t1"


def test_a_secrets_earlier_version_by_stage_and_by_id(rig: EcsRig, tasks: SimpleTasks) -> None:
    manager = rig.client("secretsmanager")
    created = manager.create_secret(Name="versioned", SecretString='{"token": "old"}')
    manager.put_secret_value(SecretId="versioned", SecretString='{"token": "new"}')
    arn = created["ARN"]

    assert value_in_task(tasks, f"{arn}:token:AWSPREVIOUS:") == "old"
    assert value_in_task(tasks, f"{arn}:token::{created['VersionId']}") == "old"
    assert value_in_task(tasks, f"{arn}:token::") == "new"


@pytest.mark.parametrize("value_from", ["none", "arn:aws:secretsmanager:eu-west-1:1:secret:none-x"])
def test_a_secret_that_is_not_there_stops_the_task(
    rig: EcsRig, tasks: SimpleTasks, value_from: str
) -> None:
    secrets = [{"name": "SECRET", "valueFrom": value_from}]
    tasks.register("no-secret", containerDefinitions=[tasks.container(secrets=secrets)])

    task = rig.tasks.wait(tasks.run(["true"], taskDefinition="no-secret"))

    assert task.stop_code == "TaskFailedToStart"
    assert str(task.stopped_reason).startswith(
        "ResourceInitializationError: unable to pull secrets or registry auth: "
    )


def test_a_task_reads_a_payload_through_a_presigned_url(rig: EcsRig, tasks: SimpleTasks) -> None:
    s3 = rig.client("s3")
    s3.create_bucket(
        Bucket="payloads", CreateBucketConfiguration={"LocationConstraint": rig.region}
    )
    s3.put_object(Bucket="payloads", Key="runs/1", Body=b"large" * 10_000)
    url = s3.generate_presigned_url(
        "get_object", Params={"Bucket": "payloads", "Key": "runs/1"}, ExpiresIn=600
    )
    program = "import os,urllib.request as u; print(len(u.urlopen(os.environ['URL']).read()))"

    task = tasks.run(["python", "-c", program], {"URL": url})
    rig.tasks.wait(task)

    assert tasks.lines(task) == ["50000"]
    assert rig.requests.of("GetObject")[-1].parameters["Key"] == "runs/1"


def test_an_object_is_stored_through_a_presigned_url(rig: EcsRig) -> None:
    s3 = rig.client("s3")
    s3.create_bucket(Bucket="results", CreateBucketConfiguration={"LocationConstraint": rig.region})
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "results", "Key": "r"})

    with urllib.request.urlopen(urllib.request.Request(url, data=b"42", method="PUT")) as answer:
        assert answer.status == 200

    assert s3.get_object(Bucket="results", Key="r")["Body"].read() == b"42"


def test_what_a_doctor_looks_at_is_there(rig: EcsRig, tasks: SimpleTasks) -> None:
    account = tasks.account

    assert rig.client("sts").get_caller_identity()["Account"] == rig.account_id
    role = rig.client("iam").get_role(RoleName=account.execution_role)["Role"]
    assert role["Arn"] == account.execution_role_arn
    ec2 = rig.client("ec2")
    subnets = ec2.describe_subnets(SubnetIds=account.subnets)["Subnets"]
    assert len(subnets) == len(account.subnets) > 1
    assert ec2.describe_security_groups(GroupIds=[account.security_group])["SecurityGroups"]
    groups = rig.client("logs").describe_log_groups(logGroupNamePrefix=account.log_group)
    assert [group["logGroupName"] for group in groups["logGroups"]] == [account.log_group]
