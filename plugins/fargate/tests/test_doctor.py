"""`flowenv doctor`: what a run needs, seen by calls that only read."""

from collections.abc import Callable
from typing import Any

import pytest

from flowenv.plugin import Finding
from flowenv.registry.registry import registry
from flowenv_fargate import FargateTaskEnvironment
from rigs.ecs import EcsRig

OnRig = Callable[..., FargateTaskEnvironment]


def check(environment: FargateTaskEnvironment) -> dict[str, Finding]:
    hook = registry().hooks("fargate").hook
    results = hook.flowenv_check(environment=environment)
    return {finding.subject: finding for result in results for finding in result}


def test_an_environment_that_works_is_found_to_work(on_rig: OnRig, account: Any) -> None:
    findings = check(on_rig(taskRoleArn=account.task_role_arn))

    assert {name for name, finding in findings.items() if finding.ok} == {
        "region",
        "credentials",
        "cluster",
        "execution role",
        "task role",
        "subnets",
        "security groups",
        "log group",
    }
    assert findings["payloads"].ok is None


def test_only_calls_that_read_are_made(rig: EcsRig, on_rig: OnRig) -> None:
    check(on_rig(metadata={"image": "flow:1", "payload_url": "s3://nobodys/flows"}))
    called = set(rig.requests.counts())

    assert called
    assert all(name.startswith(("Get", "Describe", "List", "Head")) for name in called)


@pytest.mark.parametrize(
    ("settings", "subject"),
    [
        ({"region_name": None}, "region"),
        ({"aws_access_key_id": None, "aws_secret_access_key": None}, "credentials"),
        ({"cluster": "nobodys"}, "cluster"),
        ({"executionRoleArn": "arn:aws:iam::123456789012:role/nobodys"}, "execution role"),
        ({"networkConfiguration": None}, "subnets"),
        (
            {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-nobodys"]}}},
            "subnets",
        ),
        ({"taskDefinition": "nobodys", "executionRoleArn": None}, "task definition"),
        ({"metadata": {"payload_url": "s3://nobodys-bucket/x"}}, "payloads"),
        ({"metadata": {"payload_url": "/tmp/x"}}, "payloads"),
    ],
)
def test_what_is_missing_is_named_with_a_next_step(
    settings: dict[str, Any], subject: str, on_rig: OnRig
) -> None:
    finding = check(on_rig(**settings))[subject]

    assert finding.ok is False
    assert finding.message
    assert finding.hint or subject in ("execution role", "subnets", "payloads")


def test_a_bucket_that_is_not_there_is_named(on_rig: OnRig) -> None:
    finding = check(on_rig(metadata={"payload_url": "s3://nobodys-bucket/x"}))["payloads"]

    assert finding.message == "The bucket nobodys-bucket isn't there."
    assert finding.hint == "Run: aws s3 mb s3://nobodys-bucket"


def test_the_region_may_come_as_the_other_sdks_take_it(
    on_rig: OnRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert check(on_rig(region_name=None))["region"].message == "eu-north-1"


def test_expired_credentials_are_found(rig: EcsRig, on_rig: OnRig) -> None:
    with rig.faults.inject("credentials_expired", operation="GetCallerIdentity", times=None):
        findings = check(on_rig())

    assert list(findings) == ["region", "credentials"]
    assert findings["credentials"].ok is False


def test_what_may_not_be_looked_at_is_a_warning(rig: EcsRig, on_rig: OnRig) -> None:
    with rig.faults.inject("access_denied", operation="GetRole", times=None):
        finding = check(on_rig())["execution role"]

    assert finding.ok is None
    assert "GetRole" in finding.message


def test_a_log_group_of_the_users_that_is_not_there_is_found(on_rig: OnRig) -> None:
    options = {"awslogs-group": "/nobodys", "awslogs-stream-prefix": "p"}
    logs = {"logDriver": "awslogs", "options": options}
    finding = check(on_rig(containerDefinitions=[{"name": "main", "logConfiguration": logs}]))

    assert finding["log group"].ok is False
    assert "create-log-group" in finding["log group"].hint
