"""`flowenv doctor`: would a run work? Only calls that read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flowenv.errors import FlowenvError, PlatformUnreachable, SpecError
from flowenv.plugin import Finding
from flowenv_fargate.api.refusals import AwsRefused, Kind
from flowenv_fargate.environment import FargateTaskEnvironment
from flowenv_fargate.runs.account import Account, account_of, cluster_of
from flowenv_fargate.runs.s3_payload import split
from flowenv_fargate.spec import arguments as args
from flowenv_fargate.spec.places import payload_place

Look = Callable[[], tuple[bool | None, str, str]]
"""A look at one thing: whether it is as it should be, what was found, and a hint."""


def check(environment: FargateTaskEnvironment) -> Iterator[Finding]:
    """Look at everything that a run of this environment needs.

    Args:
        environment: where flows would run.
    """
    account = account_of(environment)
    region = _finding("region", lambda: (True, account.aws.region, ""))
    yield region
    if not region.ok:
        return
    credentials = _finding("credentials", lambda: _credentials(account))
    yield credentials
    if credentials.ok is False:
        return
    yield _finding("cluster", lambda: _cluster(account, cluster_of(environment)))
    definition: Mapping[str, Any] = environment.kwargs
    if args.uses_existing(environment.kwargs):
        name = environment.kwargs["taskDefinition"]
        found = _finding("task definition", lambda: _definition(account, name))
        yield found
        if found.ok:
            definition = account.definitions.existing(name).definition
    yield from _roles(account, definition)
    yield from _network(account, environment)
    yield from _logs(account, environment, definition)
    yield from _payloads(account, environment)


def _finding(subject: str, look: Look) -> Finding:
    """A finding; what may not be looked at is a warning, as a run may well be allowed."""
    try:
        ok, message, hint = look()
    except AwsRefused as error:
        if error.refusal.kind is Kind.DENIED and subject != "credentials":
            message = f"It can't be looked at: {error.refusal.operation} is not allowed."
            return Finding(subject, None, message)
        return Finding(subject, False, error.message, error.hint)
    except (FlowenvError, PlatformUnreachable) as error:
        return Finding(subject, False, error.message, error.hint)
    return Finding(subject, ok, message, hint)


def _credentials(account: Account) -> tuple[bool, str, str]:
    who = account.aws.call("sts", "GetCallerIdentity")
    return True, f"{who['Arn']} in account {who['Account']}", ""


def _cluster(account: Account, name: str) -> tuple[bool | None, str, str]:
    answer = account.aws.call("ecs", "DescribeClusters", {"clusters": [name]})
    found = next(iter(answer.get("clusters") or []), None)
    if found is None or found["status"] != "ACTIVE":
        status = found["status"] if found else "not there"
        hint = "Pass cluster=…, or make it: aws ecs create-cluster --cluster-name " + name
        return False, f"The cluster {name} is {status}.", hint
    running = found.get("runningTasksCount", 0)
    return True, f"{name} is active and runs {running} tasks.", ""


def _definition(account: Account, name: str) -> tuple[bool | None, str, str]:
    found = account.definitions.existing(name)
    return True, f"{found.arn.rpartition('/')[2]} is active.", ""


def _roles(account: Account, definition: Mapping[str, Any]) -> Iterator[Finding]:
    roles = {"execution role": "executionRoleArn", "task role": "taskRoleArn"}
    for subject, key in roles.items():
        if arn := definition.get(key):
            yield _finding(subject, lambda arn=arn: _role(account, str(arn)))  # type: ignore[misc]
        elif key == "executionRoleArn":
            message = "None is given: no logs, no secrets, no images from ECR."
            yield Finding(subject, None, message, "Pass executionRoleArn.")


def _role(account: Account, arn: str) -> tuple[bool | None, str, str]:
    name = arn.rpartition("/")[2]
    role = account.aws.call("iam", "GetRole", {"RoleName": name})["Role"]
    if "ecs-tasks.amazonaws.com" not in str(role.get("AssumeRolePolicyDocument")):
        hint = "Let its trust policy name the service ecs-tasks.amazonaws.com."
        return False, f"ECS tasks may not take the role {name}.", hint
    return True, f"{name} is there, and ECS tasks may take it.", ""


def _network(account: Account, environment: FargateTaskEnvironment) -> Iterator[Finding]:
    given = environment.kwargs.get("networkConfiguration") or {}
    network = given.get("awsvpcConfiguration") or {}
    subnets = network.get("subnets") or []
    if not subnets:
        if args.runs_on_fargate(environment.kwargs, environment.launch_type):
            hint = "Pass networkConfiguration={'awsvpcConfiguration': {'subnets': [...]}}."
            yield Finding("subnets", False, "None are given, and Fargate needs them.", hint)
        return
    yield _finding("subnets", lambda: _subnets(account, subnets, network.get("assignPublicIp")))
    if groups := network.get("securityGroups"):
        yield _finding("security groups", lambda: _groups(account, groups))


def _subnets(
    account: Account, wanted: list[str], public: str | None
) -> tuple[bool | None, str, str]:
    found = account.aws.call("ec2", "DescribeSubnets", {"SubnetIds": wanted})["Subnets"]
    zones = sorted({subnet["AvailabilityZone"] for subnet in found})
    message = f"{len(found)} in {', '.join(zones)}."
    if public != "ENABLED":
        message += " Tasks get no public address: they need a NAT gateway or VPC endpoints."
    return True, message, ""


def _groups(account: Account, wanted: list[str]) -> tuple[bool | None, str, str]:
    answer = account.aws.call("ec2", "DescribeSecurityGroups", {"GroupIds": wanted})
    return True, f"{len(answer['SecurityGroups'])} found.", ""


def _logs(
    account: Account, environment: FargateTaskEnvironment, definition: Mapping[str, Any]
) -> Iterator[Finding]:
    containers = definition.get("containerDefinitions") or [{}]
    first = next((c for c in containers if not c.get("firelensConfiguration")), containers[0])
    logs = first.get("logConfiguration") or {}
    ours = not logs and bool(environment.log_group) and "executionRoleArn" in environment.kwargs
    options = logs.get("options") or {}
    group = environment.log_group if ours else options.get("awslogs-group")
    if not group or not (ours or logs.get("logDriver") == "awslogs"):
        message = "The flow's container doesn't log to CloudWatch: no logs and no results."
        yield Finding("log group", None, message, "Pass executionRoleArn, or logConfiguration.")
        return
    region = options.get("awslogs-region")
    yield _finding("log group", lambda: _log_group(account, group, region, made=ours))


def _log_group(
    account: Account, group: str, region: str | None, *, made: bool
) -> tuple[bool | None, str, str]:
    wanted = {"logGroupNamePrefix": group}
    answer = account.aws.call("logs", "DescribeLogGroups", wanted, region=region)
    if any(one["logGroupName"] == group for one in answer.get("logGroups") or []):
        return True, f"{group} is there.", ""
    if made:
        return True, f"{group} isn't there yet; the first setup makes it.", ""
    return (
        False,
        f"{group} isn't there.",
        f"Run: aws logs create-log-group --log-group-name {group}",
    )


def _payloads(account: Account, environment: FargateTaskEnvironment) -> Iterator[Finding]:
    try:
        place = payload_place(environment)
    except SpecError as error:
        yield Finding("payloads", False, error.message, error.hint)
        return
    if place is None:
        message = (
            "No payload_url: flowenv must be in the image, and flows that need more than about "
            "5 kB compressed are refused."
        )
        yield Finding("payloads", None, message, "Set payload_url to an s3:// place.")
        return

    bucket = split(place)[0]
    yield _finding("payloads", lambda: _bucket(account, bucket))


def _bucket(account: Account, name: str) -> tuple[bool | None, str, str]:
    try:
        region = account.aws.bucket_region(name)
    except AwsRefused as error:
        if error.refusal.code != "NoSuchBucket":
            raise
        return False, f"The bucket {name} isn't there.", f"Run: aws s3 mb s3://{name}"
    elsewhere = f" in {region}" if region and region != account.aws.region else ""
    return True, f"The bucket {name} is there{elsewhere}.", ""
