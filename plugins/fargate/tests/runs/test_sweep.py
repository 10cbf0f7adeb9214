"""The sweep: finds what runs have left, removes it when told to, and nothing else."""

import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest

import flowenv
from flowenv import Flow
from flowenv.plugin import FlowRun, Leftover, seconds_since
from flowenv.registry.registry import registry
from flowenv_fargate import FargateTaskEnvironment
from rigs.ecs import EcsRig, Script

OnRig = Callable[..., FargateTaskEnvironment]
Submit = Callable[..., FlowRun]
HOUR = 3600.0


def sweep(environment: FargateTaskEnvironment, *, delete: bool = False) -> list[Leftover]:
    hook = registry().hooks("fargate").hook
    return list(hook.flowenv_sweep(environment=environment, older_than=HOUR, delete=delete))


@pytest.fixture
def two_hours_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "flowenv_fargate.runs.sweep.seconds_since", lambda then: seconds_since(then) + 2 * HOUR
    )


@pytest.fixture
def large_flow(write_flow: Callable[[str], Flow[..., Any]]) -> Flow[..., Any]:
    noise = random.Random(0).randbytes(9000).hex()
    return write_flow(f"noise = '{noise}'\n\n@flow\ndef noisy():\n    return len(noise)\n")


def test_nothing_young_is_left_over(on_rig: OnRig, submit: Submit) -> None:
    submit(on_rig())

    assert sweep(on_rig()) == []


@pytest.mark.usefixtures("two_hours_later")
def test_a_task_that_never_ran_is_stopped(rig: EcsRig, on_rig: OnRig, submit: Submit) -> None:
    run = submit(on_rig())
    [found] = [one for one in sweep(on_rig()) if one.run_id == run.id]
    task = rig.tasks.find(run.reference)
    assert task is not None

    assert (found.kind, found.name, found.removed) == ("task", run.reference, False)
    assert task.desired_status == "RUNNING"
    [removed] = [one for one in sweep(on_rig(), delete=True) if one.run_id == run.id]
    assert removed.removed
    assert rig.tasks.wait(run.reference, lambda one: one.desired_status == "STOPPED")


@pytest.mark.usefixtures("two_hours_later")
def test_a_run_that_is_running_is_left_alone(on_rig: OnRig, submit: Submit, scripts: Any) -> None:
    scripts.chosen = Script(running_steps=None)
    run = submit(on_rig())
    for status in run.follow(20):
        if status.state.value == "Running":
            break

    assert run.id not in [one.run_id for one in sweep(on_rig(), delete=True)]
    run.cancel()


@pytest.mark.usefixtures("two_hours_later")
def test_a_generated_definition_that_no_task_uses_is_deregistered(
    rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    environment = on_rig(memory="5120")
    run = submit(environment)
    task = rig.tasks.find(run.reference)
    assert task is not None
    name = task.definition["taskDefinitionArn"].rpartition("/")[2]
    assert name not in [one.name for one in sweep(environment, delete=True)]
    run.cancel()
    rig.tasks.forget_stopped()

    [removed] = [one for one in sweep(environment, delete=True) if one.name == name]
    assert (removed.kind, removed.removed) == ("task definition", True)
    submit(environment)  # registers it again


@pytest.mark.usefixtures("two_hours_later")
def test_what_another_clusters_runs_have_left_is_left_alone(
    rig: EcsRig, on_rig: OnRig, large_flow: Flow[..., Any]
) -> None:
    bucket = f"payloads-{uuid.uuid4().hex[:8]}"
    s3, ecs = rig.client("s3"), rig.client("ecs")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": rig.region})
    ecs.create_cluster(clusterName="theirs")
    metadata = {"image": "flow:1", "payload_url": f"s3://{bucket}/flows"}
    run = flowenv.submit(large_flow, environment=on_rig(metadata=metadata, cluster="theirs"))
    ecs.stop_task(cluster="theirs", task=run.reference)
    for _ in range(10):
        ecs.describe_tasks(cluster="theirs", tasks=[run.reference])
    rig.tasks.forget_stopped()

    ours = sweep(on_rig(metadata=metadata), delete=True)
    theirs = sweep(on_rig(metadata=metadata, cluster="theirs"), delete=True)

    assert {one.kind for one in theirs} == {"payload", "task definition"}
    assert {one.name for one in ours}.isdisjoint(one.name for one in theirs)
    assert "payload" not in {one.kind for one in ours}


@pytest.mark.usefixtures("two_hours_later")
def test_other_definitions_are_left_alone(rig: EcsRig, on_rig: OnRig, submit: Submit) -> None:
    family = f"mine-{uuid.uuid4().hex[:8]}"
    submit(on_rig(family=family)).cancel()
    rig.tasks.forget_stopped()

    assert not [one for one in sweep(on_rig(), delete=True) if family in one.name]


@pytest.mark.usefixtures("two_hours_later")
def test_payloads_of_runs_that_are_over_are_removed_and_other_objects_stay(
    rig: EcsRig, on_rig: OnRig, large_flow: Flow[..., Any]
) -> None:
    bucket = f"payloads-{uuid.uuid4().hex[:8]}"
    s3 = rig.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": rig.region})
    s3.put_object(Bucket=bucket, Key="flows/notes.json", Body=b"mine")
    environment = on_rig(metadata={"image": "flow:1", "payload_url": f"s3://{bucket}/flows"})
    run = flowenv.submit(large_flow, environment=environment)
    assert "payload" not in [one.kind for one in sweep(environment)]
    rig.client("ecs").stop_task(cluster="flows", task=run.reference)
    for _ in range(10):
        rig.client("ecs").describe_tasks(cluster="flows", tasks=[run.reference])

    [removed] = [one for one in sweep(environment, delete=True) if one.kind == "payload"]

    assert (removed.run_id, removed.removed) == (run.id, True)
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
    kept = [entry["Key"] for entry in listed if "/runtimes/" not in entry["Key"]]
    assert kept == ["flows/notes.json"]


@pytest.mark.usefixtures("two_hours_later")
def test_what_cannot_be_removed_says_why(rig: EcsRig, on_rig: OnRig, submit: Submit) -> None:
    run = submit(on_rig())
    with rig.faults.inject("access_denied", operation="StopTask", times=None):
        found = [one for one in sweep(on_rig(), delete=True) if one.run_id == run.id]

    assert not found[0].removed
    assert "StopTask" in found[0].problem
