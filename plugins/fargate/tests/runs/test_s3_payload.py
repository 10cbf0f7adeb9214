"""Payloads in S3, by the names that AWS's own hosts have."""

import random
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flowenv import Flow
from flowenv.errors import PlatformError
from flowenv_fargate import FargateTaskEnvironment
from flowenv_fargate.hooks import flowenv_check
from rigs.ecs import Account, EcsRig, Image

Make = Callable[..., FargateTaskEnvironment]


@pytest.fixture(scope="module")
def aws() -> Iterator[EcsRig]:
    """An account that is reached as AWS is: by its own names."""
    with EcsRig({"flow:1": Image.of_interpreter()}, aws_names=True) as rig:
        yield rig


@pytest.fixture
def make_bucket(aws: EcsRig) -> Callable[[str], str]:
    def make(region: str) -> str:
        name = f"payloads-{uuid.uuid4().hex[:8]}"
        place = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        with aws.requests.paused():
            client = aws.client("s3", region_name=region)
            client.create_bucket(Bucket=name, **({} if region == "us-east-1" else place))
        return name

    return make


@pytest.fixture(scope="module")
def their_account(aws: EcsRig) -> Account:
    return aws.prepare()


@pytest.fixture
def make(aws: EcsRig, their_account: Account, monkeypatch: pytest.MonkeyPatch) -> Make:
    account = their_account
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)

    def make_environment(bucket: str) -> FargateTaskEnvironment:
        return FargateTaskEnvironment(
            region_name=aws.region,
            metadata={"image": "flow:1", "payload_url": f"s3://{bucket}/flows"},
            cluster=account.cluster,
            networkConfiguration=account.network_configuration,
            executionRoleArn=account.execution_role_arn,
        )

    return make_environment


@pytest.fixture
def large_flow(write_flow: Callable[[str], Flow[..., Any]]) -> Flow[..., Any]:
    noise = random.Random(0).randbytes(9000).hex()
    return write_flow(f"noise = '{noise}'\n\n@flow\ndef noisy():\n    return len(noise)\n")


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1", "eu-south-1", "eu-central-1"])
def test_a_payload_arrives_from_a_bucket_of_any_region(
    region: str,
    aws: EcsRig,
    make: Make,
    make_bucket: Callable[[str], str],
    large_flow: Flow[..., Any],
) -> None:
    bucket = make_bucket(region)
    run = make(bucket).execute(large_flow)

    assert run.result(60) == 18000
    with aws.requests.paused():
        left = aws.client("s3", region_name=region).list_objects_v2(Bucket=bucket)
    assert not [one for one in left["Contents"] if "payload" in one["Key"]]


def test_doctor_names_the_region_of_a_bucket_elsewhere(
    make: Make, make_bucket: Callable[[str], str]
) -> None:
    bucket = make_bucket("eu-south-1")
    [finding] = [one for one in flowenv_check(make(bucket)) if one.subject == "payloads"]

    assert finding.ok
    assert "eu-south-1" in finding.message


def test_a_bucket_that_is_not_there_is_named_with_what_to_do(
    make: Make, large_flow: Flow[..., Any]
) -> None:
    with pytest.raises(PlatformError, match=r"NoSuchBucket.*nobodys-bucket.*payload_url"):
        make("nobodys-bucket").execute(large_flow)
