"""Submitting: one task a run, whatever happens on the way."""

import random
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import flowenv
from flowenv import Flow
from flowenv.contract import AUTH_TOKEN, FLOW_RUN_ID, PAYLOAD
from flowenv.errors import (
    FlowenvError,
    PlatformError,
    PlatformUnreachable,
    RunConflict,
    SpecError,
    TransientPlatformError,
)
from flowenv.plugin import FlowRun, Reason
from flowenv.submission.lifecycle import prepare
from flowenv.submission.prepared import Prepared
from flowenv_fargate import FargateTaskEnvironment
from flowenv_fargate.runs import account
from rigs.ecs import Account, EcsRig

OnRig = Callable[..., FargateTaskEnvironment]
Submit = Callable[..., FlowRun]


@pytest.fixture
def bucket(rig: EcsRig) -> Iterator[str]:
    name = f"payloads-{uuid.uuid4().hex[:8]}"
    with rig.requests.paused():
        place = {"LocationConstraint": rig.region}
        rig.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=place)
    yield name
    rig.requests.clear()


@pytest.fixture
def large_flow(write_flow: Callable[[str], Flow[..., Any]]) -> Flow[..., Any]:
    noise = random.Random(0).randbytes(9000).hex()
    return write_flow(f"noise = '{noise}'\n\n@flow\ndef noisy():\n    return len(noise)\n")


def override_of(rig: EcsRig) -> dict[str, str]:
    [override] = rig.requests.of("RunTask")[-1].parameters["overrides"]["containerOverrides"]
    return {entry["name"]: entry["value"] for entry in override["environment"]}


def keys(rig: EcsRig, bucket: str) -> list[str]:
    with rig.requests.paused():
        listed = rig.client("s3").list_objects_v2(Bucket=bucket)
    return [entry["Key"] for entry in listed.get("Contents", [])]


def tasks_of(rig: EcsRig, run: FlowRun) -> list[Any]:
    return [task for task in rig.tasks.visible() if task.started_by == f"flowenv/{run.id}"]


# -- one task a run ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", ["answer_lost", "throttling", "throttling_disguised", "credentials_expired"]
)
def test_a_run_whose_first_call_goes_wrong_has_one_task(
    fault: str, rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    with rig.faults.inject(fault, operation="RunTask") as injected:
        run = submit(on_rig())

    assert injected.struck == 1
    assert rig.requests.count("RunTask") == 2
    [task] = tasks_of(rig, run)
    assert run.reference == task.arn


def test_a_submission_that_is_made_again_finds_the_first_task(
    rig: EcsRig, on_rig: OnRig, small_flow: Flow[..., Any]
) -> None:
    prepared = prepare(small_flow, environment=on_rig())
    first, second = prepared.submit().reference, prepared.submit().reference

    assert first == second
    assert len(tasks_of(rig, prepared.flow_run)) == 1


def test_the_same_run_with_other_parameters_is_adopted(
    rig: EcsRig, on_rig: OnRig, small_flow: Flow[..., Any]
) -> None:
    prepared = prepare(small_flow, environment=on_rig())
    first = prepared.submit().reference
    prepared.spec["run_task"]["overrides"]["containerOverrides"][0]["memory"] = 1024

    assert prepared.submit().reference == first


def test_a_client_token_that_stands_for_another_run_is_a_conflict(
    rig: EcsRig, on_rig: OnRig, small_flow: Flow[..., Any]
) -> None:
    first = prepare(small_flow, environment=on_rig())
    first.submit()
    second = prepare(small_flow, environment=on_rig())
    token = first.spec["run_task"]["clientToken"]
    second.spec["run_task"]["clientToken"] = token

    with pytest.raises(RunConflict):
        second.submit()


def test_failures_without_a_task_are_raised_with_reason_and_hint(
    rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    with rig.faults.inject("capacity"), pytest.raises(TransientPlatformError) as refused:
        submit(on_rig())

    assert "Capacity is unavailable" in str(refused.value)
    assert refused.value.reason is Reason.UNSCHEDULABLE
    assert refused.value.hint


def test_failures_for_memory_name_the_resource(rig: EcsRig, on_rig: OnRig, submit: Submit) -> None:
    fault = rig.faults.inject("capacity", reason="RESOURCE:MEMORY")
    with fault, pytest.raises(PlatformError, match="RESOURCE:MEMORY"):
        submit(on_rig())


def test_failures_although_the_task_started_find_the_task(
    rig: EcsRig, on_rig: OnRig, small_flow: Flow[..., Any]
) -> None:
    prepared = prepare(small_flow, environment=on_rig())
    first = prepared.submit().reference
    with rig.faults.inject("capacity"):
        assert prepared.submit().reference == first


# -- what AWS refuses -------------------------------------------------------------------------


def test_a_denied_run_says_what_to_allow(rig: EcsRig, on_rig: OnRig, submit: Submit) -> None:
    fault = rig.faults.inject("access_denied", operation="RunTask")
    with fault, pytest.raises(PlatformError) as refused:
        submit(on_rig())

    assert refused.value.reason is Reason.ACCESS_DENIED
    assert "iam:PassRole" in refused.value.hint
    assert fault.struck == 1


def test_credentials_that_stay_expired_are_renewed_once_and_then_an_error(
    rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    fault = rig.faults.inject("credentials_expired", operation="RunTask", times=None)
    with fault, pytest.raises(PlatformError) as refused:
        submit(on_rig())

    assert refused.value.reason is Reason.ACCESS_DENIED
    assert "fresh credentials" in refused.value.hint
    assert fault.struck == 2


def test_an_unknown_cluster_says_which_argument_to_give(on_rig: OnRig, submit: Submit) -> None:
    with pytest.raises(PlatformError, match="cluster="):
        submit(on_rig(cluster="nobodys"))


def test_no_region_is_an_error_with_a_next_step(on_rig: OnRig, submit: Submit) -> None:
    with pytest.raises(PlatformUnreachable, match="REGION_NAME"):
        submit(on_rig(region_name=None))


def test_no_credentials_are_an_error_with_a_next_step(on_rig: OnRig, submit: Submit) -> None:
    with pytest.raises(PlatformUnreachable, match="AWS_ACCESS_KEY_ID"):
        submit(on_rig(aws_access_key_id=None, aws_secret_access_key=None))


def test_half_of_the_credentials_are_an_error(on_rig: OnRig, submit: Submit) -> None:
    with pytest.raises(PlatformUnreachable, match="one half"):
        submit(on_rig(aws_secret_access_key=None))


def test_an_endpoint_that_does_not_answer_is_an_error(on_rig: OnRig, submit: Submit) -> None:
    with pytest.raises(PlatformUnreachable, match="no answer"):
        submit(on_rig(endpoint_url="http://127.0.0.1:9"))


def test_nothing_secret_is_in_an_error(rig: EcsRig, on_rig: OnRig, submit: Submit) -> None:
    containers = [{"name": "main", "environment": [{"name": "KEY", "value": "hidden-value"}]}]
    for operation in ("RegisterTaskDefinition", "RunTask"):
        fault = rig.faults.inject("access_denied", operation=operation)
        with fault, pytest.raises(FlowenvError) as refused:
            submit(on_rig(containerDefinitions=containers, aws_session_token="hidden-token"))
        assert "hidden" not in str(refused.value)


def test_the_endpoint_can_come_from_the_environment_variable(
    rig: EcsRig, on_rig: OnRig, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.forget()
    monkeypatch.setenv("AWS_ENDPOINT_URL", rig.url)
    run = submit(on_rig(endpoint_url=None))
    account.forget()

    assert len(tasks_of(rig, run)) == 1


def test_credentials_and_region_can_come_from_the_environment_variables(
    rig: EcsRig, on_rig: OnRig, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFROMVARIABLES")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("REGION_NAME", rig.region)
    submit(on_rig(aws_access_key_id=None, aws_secret_access_key=None, region_name=None))

    assert rig.requests.of("RunTask")[-1].access_key_id == "AKIAFROMVARIABLES"


# -- payloads in S3 ---------------------------------------------------------------------------


def in_bucket(bucket: str) -> dict[str, Any]:
    return {"image": "flow:1", "payload_url": f"s3://{bucket}/flows"}


def test_a_large_payload_is_read_through_a_presigned_url_and_removed_at_the_end(
    rig: EcsRig, on_rig: OnRig, bucket: str, large_flow: Flow[..., Any]
) -> None:
    import urllib.request

    run = flowenv.submit(
        large_flow, environment=on_rig(metadata=in_bucket(bucket), runtime="image")
    )
    url = override_of(rig)[PAYLOAD]
    with urllib.request.urlopen(url) as answer:
        assert run.id.encode() in answer.read()
    assert "X-Amz-Expires=" in url
    place = f"flows/fargate/{rig.account_id}/{rig.region}/flows"
    assert keys(rig, bucket) == [f"{place}/{run.id}.payload.json"]

    run.wait(20)

    assert keys(rig, bucket) == []


def test_a_payload_of_a_run_that_is_refused_does_not_stay_behind(
    rig: EcsRig, on_rig: OnRig, bucket: str, large_flow: Flow[..., Any]
) -> None:
    with rig.faults.inject("capacity"), pytest.raises(PlatformError):
        flowenv.submit(large_flow, environment=on_rig(metadata=in_bucket(bucket), runtime="image"))

    assert rig.requests.count("PutObject") == 1
    assert keys(rig, bucket) == []


def test_a_bucket_that_is_not_there_is_an_error_and_nothing_starts(
    rig: EcsRig, on_rig: OnRig, large_flow: Flow[..., Any]
) -> None:
    with pytest.raises(PlatformError, match="NoSuchBucket"):
        flowenv.submit(large_flow, environment=on_rig(metadata=in_bucket("nobodys-bucket")))

    assert rig.requests.count("RunTask") == 0


def test_overrides_that_a_plugin_made_too_long_are_refused_before_any_call(
    rig: EcsRig, on_rig: OnRig, small_flow: Flow[..., Any]
) -> None:
    prepared: Prepared = prepare(small_flow, environment=on_rig())
    override = prepared.spec["run_task"]["overrides"]["containerOverrides"][0]
    override["environment"].append({"name": "LONG", "value": "x" * 9000})

    with pytest.raises(SpecError, match="Largest: LONG"):
        prepared.submit()
    assert rig.requests.count("RunTask") == 0


# -- secrets and warnings ---------------------------------------------------------------------


def test_a_token_goes_into_the_run_with_one_warning_that_says_how_to_do_better(
    rig: EcsRig, on_rig: OnRig, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(AUTH_TOKEN, "tok-123")
    with pytest.warns(UserWarning, match="Secrets Manager") as warned:
        run = submit(on_rig())

    assert len(warned) == 1
    assert "tok-123" not in str(warned[0].message)
    assert override_of(rig)[AUTH_TOKEN] == "tok-123"
    assert override_of(rig)[FLOW_RUN_ID] == run.id
    assert "tok-123" not in str(rig.requests.of("RegisterTaskDefinition"))


def test_without_logs_a_warning_says_what_that_means(on_rig: OnRig, submit: Submit) -> None:
    with pytest.warns(UserWarning, match="only known by the exit code"):
        submit(on_rig(executionRoleArn=None))


# -- other ways to run ------------------------------------------------------------------------


def test_fargate_spot_by_a_capacity_provider_strategy(
    rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    run = submit(on_rig(capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT"}]))

    [task] = tasks_of(rig, run)
    assert task.capacity_provider == "FARGATE_SPOT"


def test_the_ec2_launch_type(rig: EcsRig, on_rig: OnRig, submit: Submit, account: Account) -> None:
    rig.register_container_instance(account.cluster)
    run = submit(on_rig(launch_type="EC2", networkConfiguration=None))

    [task] = tasks_of(rig, run)
    assert task.launch_type == "EC2"


@pytest.mark.parametrize(
    "settings", [{"launch_type": None}, {"capacityProviderStrategy": []}], ids=["none", "empty"]
)
def test_without_launch_type_and_strategy_the_clusters_default_strategy_holds(
    settings: dict[str, Any], rig: EcsRig, on_rig: OnRig, submit: Submit, account: Account
) -> None:
    ecs = rig.client("ecs")
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    ecs.put_cluster_capacity_providers(
        cluster=account.cluster,
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=strategy,
    )
    try:
        # `on_rig` leaves out what is None
        environment = on_rig(**{n: v for n, v in settings.items() if n != "launch_type"})
        if "launch_type" in settings:
            environment.launch_type = None
        run = submit(environment)
    finally:
        ecs.put_cluster_capacity_providers(
            cluster=account.cluster, capacityProviders=[], defaultCapacityProviderStrategy=[]
        )

    [task] = tasks_of(rig, run)
    assert task.capacity_provider == "FARGATE_SPOT"
    assert {"launchType", "capacityProviderStrategy"}.isdisjoint(
        rig.requests.of("RunTask")[-1].parameters
    )


@pytest.mark.parametrize("settings", [{"launch_type": "EXTERNAL"}, {"launchType": "EXTERNAL"}])
def test_an_external_instance_runs_a_flow(
    settings: dict[str, Any], rig: EcsRig, on_rig: OnRig, submit: Submit, account: Account
) -> None:
    rig.register_container_instance(account.cluster, external=True)
    run = submit(on_rig(networkConfiguration=None, **settings))

    [task] = tasks_of(rig, run)
    assert task.launch_type == "EXTERNAL"
    assert run.result(20) == 3


def test_a_constraint_that_only_runs_know_goes_to_the_run(
    rig: EcsRig, on_rig: OnRig, submit: Submit, account: Account
) -> None:
    rig.register_container_instance(account.cluster)
    distinct = {"type": "distinctInstance"}
    member = {"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}
    submit(
        on_rig(
            launch_type="EC2", networkConfiguration=None, placementConstraints=[distinct, member]
        )
    )

    registered = rig.requests.of("RegisterTaskDefinition")[-1].parameters
    assert registered["placementConstraints"] == [member]
    assert rig.requests.of("RunTask")[-1].parameters["placementConstraints"] == [distinct, member]
