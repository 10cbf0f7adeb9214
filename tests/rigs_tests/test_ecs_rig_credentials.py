"""How processes find credentials for the ECS rig, and what boto3 says where they don't."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from botocore import exceptions
from botocore.utils import ContainerMetadataFetcher

from rigs.ecs import EcsRig, Image, ScriptedRunner
from rigs.ecs.credentials import BROKEN, WORKING, credentials

Caller = Callable[[str], str]


@pytest.fixture(scope="module")
def rig() -> Iterator[EcsRig]:
    with EcsRig({"flow:1": Image()}, runner=ScriptedRunner()) as rig:
        yield rig


@pytest.fixture
def caller(rig: EcsRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    """Who STS says that we are, with credentials found in a way."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(ContainerMetadataFetcher, "SLEEP_TIME", 0)  # between its tries

    def identity(way: str) -> str:
        for name, value in credentials(way, rig, tmp_path).items():
            monkeypatch.setenv(name, value)
        return str(boto3.Session().client("sts").get_caller_identity()["Arn"])

    yield identity
    rig.faults.clear()


@pytest.mark.parametrize("way", WORKING)
def test_ways_that_work(caller: Caller, way: str) -> None:
    assert caller(way).startswith("arn:aws:sts::")


RAISED: dict[str, type[Exception]] = {
    "no such profile": exceptions.ProfileNotFound,
    "half a key": exceptions.PartialCredentialsError,
    "nothing": exceptions.NoCredentialsError,
    # these aren't exceptions of botocore's at all
    "process is not there": FileNotFoundError,
    "process says nonsense": json.JSONDecodeError,
    "web identity token is not there": FileNotFoundError,
    "container token is not there": FileNotFoundError,
    "process fails": exceptions.CredentialRetrievalError,
    "container token is refused": exceptions.CredentialRetrievalError,
}


@pytest.mark.parametrize("way", BROKEN)
def test_ways_that_fail(caller: Caller, way: str) -> None:
    with pytest.raises(RAISED[way]) as caught:
        caller(way)

    assert type(caught.value) is RAISED[way]


@pytest.mark.parametrize(
    ("way", "operation"),
    [("role", "AssumeRole"), ("web identity", "AssumeRoleWithWebIdentity")],
)
def test_a_role_that_may_not_be_assumed(
    rig: EcsRig, caller: Caller, way: str, operation: str
) -> None:
    rig.faults.inject("access_denied", operation=operation)

    with pytest.raises(exceptions.ClientError) as caught:
        caller(way)

    assert caught.value.operation_name == operation
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    assert caught.value.response["Error"]["Message"] == (
        f"User: arn:aws:iam::123456789012:user/rig is not authorized to perform: sts:{operation} "
        "on resource: arn:aws:iam::123456789012:role/flows"
    )
