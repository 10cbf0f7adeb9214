"""What runs have left in an AWS account: found by tags, removed, nothing else touched."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiobotocore.session import get_session

from flowenv.errors import PlatformUnreachable
from flowenv.plugin import Leftover
from flowenv_dask_cloud import DaskCloudProviderEnvironment
from flowenv_dask_cloud.cluster.ecs.account import Account
from flowenv_dask_cloud.cluster.ecs.leftovers import EcsLeftovers
from flowenv_dask_cloud.runs.sweep import sweep
from rigs.ecs import EcsRig

DEAD = "11111111-2222-3333-4444-555555555555"
OTHER = "99999999-2222-3333-4444-555555555555"
FARGATE = "dask_cloudprovider.aws.FargateCluster"


@pytest.fixture(scope="module")
def rig() -> Iterator[EcsRig]:
    with EcsRig({}) as rig:
        yield rig


@pytest.fixture
def account(rig: EcsRig, monkeypatch: pytest.MonkeyPatch) -> Iterator[EcsRig]:
    """An account in which a dead run, another run and somebody else have left a cluster."""
    for name, value in rig.environment().items():
        monkeypatch.setenv(name, value)
    make(rig, "flowenv-111111112222", {"flowenv-dask:run-id": DEAD})
    make(rig, "flowenv-999999992222", {"flowenv-dask:run-id": OTHER})
    make(rig, "somebody", {"createdBy": "dask-cloudprovider"})
    yield rig
    rig.faults.clear()
    sweep(environment(), 0, delete=True)


def make(rig: EcsRig, name: str, tags: dict[str, str]) -> None:
    """What FargateCluster makes, but for its tasks."""
    lower = [{"key": key, "value": value} for key, value in tags.items()]
    upper = [{"Key": key, "Value": value} for key, value in tags.items()]
    rig.client("ecs").create_cluster(clusterName=f"dask-{name}", tags=lower)
    iam, ec2, ecs = rig.client("iam"), rig.client("ec2"), rig.client("ecs")
    role = f"dask-{name}-task-role"
    group = f"dask-{name}-security-group"
    if role in [one["RoleName"] for one in iam.list_roles()["Roles"]]:
        return  # somebody else's are still there from the test before
    iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}", Tags=upper)
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    ec2.create_security_group(
        GroupName=group,
        Description="-",
        VpcId=vpc,
        TagSpecifications=[{"ResourceType": "security-group", "Tags": upper}],
    )
    ecs.register_task_definition(
        family=f"dask-{name}-worker",
        containerDefinitions=[{"name": "dask-worker", "image": "i", "memory": 128}],
        tags=lower,
    )


def environment(**settings: Any) -> DaskCloudProviderEnvironment:
    return DaskCloudProviderEnvironment(FARGATE, **settings)


def kinds(found: list[Leftover], run_id: str) -> set[str]:
    return {one.kind for one in found if one.run_id == run_id}


EVERYTHING = {"ECS cluster", "IAM role", "security group", "task definition"}


def test_a_tag_alone_gives_nobodys_things_away(account: EcsRig) -> None:
    make(account, "victim", {"flowenv-dask:run-id": DEAD})

    assert not any("victim" in one.name for one in sweep(environment(), 0, delete=True))
    assert any("victim" in one.name for one in sweep(environment(name="victim"), 0, delete=True))


def test_a_sweep_lists_everything_of_ours_and_nothing_of_others(account: EcsRig) -> None:
    found = sweep(environment(), 0, delete=False)

    assert kinds(found, DEAD) == kinds(found, OTHER) == EVERYTHING
    assert not any("somebody" in one.name or one.removed for one in found)


def test_young_things_are_left_alone(account: EcsRig) -> None:
    make(account, "flowenv-young", {"flowenv-dask:run-id": "y", "flowenv-dask:created": now()})

    assert "y" not in {one.run_id for one in sweep(environment(), 3600, delete=False)}
    assert "y" in {one.run_id for one in sweep(environment(), 0, delete=False)}


def now() -> str:
    import datetime

    return datetime.datetime.now(datetime.UTC).isoformat()


def test_after_a_run_only_its_own_things_are_removed(account: EcsRig) -> None:
    arguments = {"name": "flowenv-111111112222"}

    done = EcsLeftovers(DEAD, arguments).remove()

    assert kinds(done, DEAD) == EVERYTHING
    assert all(one.removed for one in done)
    left = sweep(environment(), 0, delete=False)
    assert kinds(left, DEAD) == set()
    assert kinds(left, OTHER) == EVERYTHING


def test_a_permission_that_is_missing_hides_nothing_else(account: EcsRig) -> None:
    account.faults.inject("access_denied", operation="ListRoles")

    found = sweep(environment(), 0, delete=False)

    assert kinds(found, DEAD) == EVERYTHING - {"IAM role"}
    [unseen] = [one for one in found if one.problem]
    assert (unseen.kind, unseen.name) == ("IAM roles", "not looked for")
    assert "iam:ListRoles" in unseen.problem


def test_without_knowing_what_lives_nothing_is_swept(account: EcsRig) -> None:
    account.faults.inject("access_denied", operation="ListClusters")

    with pytest.raises(PlatformUnreachable, match="ecs:ListClusters"):
        sweep(environment(), 0, delete=True)


def test_credentials_are_found_as_aws_tools_find_them_by_the_provider_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    keys = "aws_access_key_id = AKIAPROFILE\naws_secret_access_key = s\n"
    config.write_text(f"[profile work]\nregion = eu-west-1\n{keys}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "work")
    ours = Account({}).client("ecs")
    theirs = asyncio.run(get_session().get_credentials())  # as dask-cloudprovider does
    assert ours._request_signer._credentials.access_key == theirs.access_key == "AKIAPROFILE"
    assert ours.meta.region_name == "eu-west-1"
