"""A place that a stranger's task names in its tags is neither read nor deleted."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flowenv import State, attach
from flowenv.plugin import Outcome, contract, payload_object
from flowenv_fargate import FargateTaskEnvironment
from flowenv_fargate.runs import account as known
from flowenv_fargate.runs import tasks
from flowenv_fargate.runs.s3_payload import folder
from rigs.ecs import Account, EcsRig, Image, Script, ScriptedRunner

RUN_ID = "00000000-1111-2222-3333-444444444444"


@pytest.fixture(scope="module")
def ecs() -> Iterator[EcsRig]:
    record = Outcome(RUN_ID, State.COMPLETED, stored="0" * 64, result_type="x").to_line()
    script = Script(exit_code=0, lines=[record])
    runner = ScriptedRunner(lambda task: script, advance_when_described=True)
    with EcsRig({"flow:1": Image()}, runner=runner) as rig:
        yield rig


@pytest.fixture(scope="module")
def account(ecs: EcsRig) -> Account:
    return ecs.prepare()


@pytest.fixture
def on_ecs(
    ecs: EcsRig, account: Account, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., FargateTaskEnvironment]:
    monkeypatch.setattr(tasks, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(tasks, "FRESH_SECONDS", 0.0)
    known.forget()

    def make(**metadata: str) -> FargateTaskEnvironment:
        return FargateTaskEnvironment(
            aws_access_key_id="AKIARIG",
            aws_secret_access_key="rig",
            region_name=ecs.region,
            endpoint_url=ecs.url,
            cluster=account.cluster,
            networkConfiguration=account.network_configuration,
            executionRoleArn=account.execution_role_arn,
            metadata={"image": "flow:1", **metadata},
        )

    return make


def strangers_task(
    ecs: EcsRig, account: Account, place: str, run_id: str = RUN_ID, **more: Any
) -> str:
    client = ecs.client("ecs")
    client.register_task_definition(
        family="strangers",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "flow", "image": "flow:1", "memory": 512}],
    )
    answer = client.run_task(
        cluster=account.cluster,
        taskDefinition="strangers",
        launchType="FARGATE",
        networkConfiguration=account.network_configuration,
        startedBy=f"flowenv/{run_id}",
        **more,
        tags=[
            {"key": "flowenv:run-id", "value": run_id},
            {"key": "flowenv:payload", "value": place},
        ],
    )
    return str(answer["tasks"][0]["taskArn"])


@pytest.mark.parametrize("metadata", [{}, {"payload_url": "s3://mine/flows"}])
def test_a_task_that_names_a_place_is_looked_at_without_deleting_there(
    ecs: EcsRig,
    account: Account,
    on_ecs: Callable[..., FargateTaskEnvironment],
    metadata: dict[str, str],
) -> None:
    s3 = ecs.client("s3")
    where = {"LocationConstraint": ecs.region}
    if "mine" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket="mine", CreateBucketConfiguration=where)
    s3.put_object(Bucket="mine", Key="treasure", Body=b"mine")
    reference = strangers_task(ecs, account, "s3://mine/treasure")
    assert attach(reference, on_ecs(**metadata)).wait(20).state is State.COMPLETED
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket="mine")["Contents"]] == ["treasure"]


@pytest.mark.parametrize("tasks_of_run", [1, 2])
def test_a_payload_is_removed_only_if_one_task_claims_its_run(
    ecs: EcsRig, account: Account, on_ecs: Callable[..., FargateTaskEnvironment], tasks_of_run: int
) -> None:
    s3, run_id, bucket = ecs.client("s3"), str(uuid.uuid4()), f"ours-{tasks_of_run}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": ecs.region})
    stored = {"name": "flow", "environment": [{"name": contract.PAYLOAD, "value": "https://s3"}]}
    overrides = {"containerOverrides": [stored]}
    made = [
        strangers_task(ecs, account, "", run_id, overrides=overrides) for _ in range(tasks_of_run)
    ]
    place = f"s3://{bucket}/flows"
    url = payload_object(folder(place, made[0], account.cluster), run_id)
    s3.put_object(Bucket=bucket, Key=url.removeprefix(f"s3://{bucket}/"), Body=b"mine")
    assert attach(made[0], on_ecs(payload_url=place)).wait(20).state.is_final
    left = s3.list_objects_v2(Bucket=bucket).get("Contents") or []
    assert len(left) == (1 if tasks_of_run == 2 else 0)
