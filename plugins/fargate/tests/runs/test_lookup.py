"""Runs of other processes: picked up, listed, and told from anybody else's tasks."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

import flowenv
from flowenv.errors import RunConflict, RunNotFound
from flowenv.plugin import FlowRun, Outcome, RunSummary, State
from flowenv.registry.registry import registry
from flowenv_fargate import FargateTaskEnvironment
from flowenv_fargate.runs.account import forget
from rigs.ecs import EcsRig, Script

OnRig = Callable[..., FargateTaskEnvironment]
Submit = Callable[..., FlowRun]


@pytest.fixture
def label() -> str:
    """A label that no other test has."""
    return f"label {uuid.uuid4()}"


def find(environment: FargateTaskEnvironment, *labels: str) -> list[RunSummary]:
    hook = registry().hooks("fargate").hook
    return list(hook.flowenv_find_runs(environment=environment, labels=list(labels)))


@pytest.mark.parametrize("by", ["ARN", "task id", "run id"])
def test_a_run_is_picked_up_in_another_process(by: str, on_rig: OnRig, submit: Submit) -> None:
    run = submit(on_rig(), labels=["one", "two words"])
    forget()
    arn = run.reference
    reference = {"ARN": arn, "task id": arn.rpartition("/")[2], "run id": run.id}[by]
    found = flowenv.attach(reference, on_rig())

    assert (found.id, found.flow_name) == (run.id, "add")
    assert found.labels == ("one", "two words")
    assert found.created is not None
    assert run.created is not None
    assert abs((found.created - run.created).total_seconds()) < 1
    assert found.result(20) == 3


def test_a_found_run_says_who_submitted_it_with_what_and_when_it_ran(
    on_rig: OnRig, submit: Submit, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWENV_SUBMITTER", "ada@mill")
    run = submit(on_rig(), labels=[label], b=7)
    run.wait(20)
    (found,) = flowenv.find_runs(on_rig(), labels=[label], mine=True)

    assert (found.submitter, found.parameters) == ("ada@mill", {"b": "7"})
    assert found.started is not None
    assert found.ended is not None
    assert found.seconds() == (found.ended - found.started).total_seconds()


def test_a_reference_names_its_cluster_so_that_another_environment_finds_it(
    on_rig: OnRig, submit: Submit
) -> None:
    run = submit(on_rig())

    assert flowenv.attach(run.reference, on_rig(cluster=None)).wait(20).state is State.COMPLETED


def test_a_run_can_be_cancelled_from_another_process(
    on_rig: OnRig, submit: Submit, scripts: Any
) -> None:
    scripts.chosen = Script(running_steps=None)
    run = submit(on_rig())
    forget()

    assert flowenv.attach(run.id, on_rig()).cancel().state is State.CANCELLED


def test_a_stopped_run_is_found_although_ecs_has_deleted_its_tags(
    on_rig: OnRig, submit: Submit
) -> None:
    run = submit(on_rig(), labels=["one"])
    run.cancel()
    forget()
    found = flowenv.attach(run.id, on_rig())

    assert (found.id, found.flow_name, found.labels) == (run.id, "add", ("one",))
    assert found.wait(20).state is State.CANCELLED


def test_a_run_with_the_users_own_started_by_is_found_by_its_tags(
    on_rig: OnRig, submit: Submit
) -> None:
    run = submit(on_rig(startedBy="me"))
    forget()

    assert flowenv.attach(run.id, on_rig(startedBy="me")).reference == run.reference
    with pytest.raises(RunNotFound):
        flowenv.attach(run.id, on_rig())


def test_a_task_with_copied_tags_is_no_run(rig: EcsRig, on_rig: OnRig, submit: Submit) -> None:
    run = submit(on_rig())
    task = rig.tasks.find(run.reference)
    assert task is not None
    forged = rig.client("ecs").run_task(
        cluster="flows",
        launchType="FARGATE",
        taskDefinition=task.definition["taskDefinitionArn"],
        networkConfiguration=on_rig().kwargs["networkConfiguration"],
        startedBy="somebody",
        tags=rig.requests.of("RunTask")[-1].parameters["tags"],
    )["tasks"][0]["taskArn"]
    forget()

    assert flowenv.attach(run.id, on_rig()).reference == run.reference
    assert forged not in [summary.reference for summary in find(on_rig())]
    with pytest.raises(RunNotFound, match="no run of flowenv"):
        flowenv.attach(forged, on_rig())


def test_two_tasks_that_say_they_are_the_same_run_are_named_and_left_alone(
    rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    run = submit(on_rig())
    task = rig.tasks.find(run.reference)
    assert task is not None
    other = rig.client("ecs").run_task(
        cluster="flows",
        launchType="FARGATE",
        taskDefinition=task.definition["taskDefinitionArn"],
        networkConfiguration=on_rig().kwargs["networkConfiguration"],
        startedBy=f"flowenv/{run.id}",
    )["tasks"][0]["taskArn"]
    forget()

    with pytest.raises(RunConflict, match=other):
        flowenv.attach(run.id, on_rig())
    assert flowenv.attach(run.reference, on_rig()).reference == run.reference


def test_a_run_is_found_where_ecs_takes_started_by_only_alone(
    rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    living, stopped = submit(on_rig()), submit(on_rig())
    stopped.cancel()
    forget()
    with rig.faults.inject("started_by_alone", times=None):
        for run in (living, stopped):
            assert flowenv.attach(run.id, on_rig()).reference == run.reference


def test_a_task_id_with_dashes_is_understood(rig: EcsRig, on_rig: OnRig, submit: Submit) -> None:
    # accounts without long ARNs still have these
    rig.client("ecs").put_account_setting(name="taskLongArnFormat", value="disabled")
    try:
        run = submit(on_rig())
    finally:
        rig.client("ecs").put_account_setting(name="taskLongArnFormat", value="enabled")
    forget()
    task_id = run.reference.rpartition("/")[2]

    assert "-" in task_id
    for reference in (run.reference, task_id):
        assert flowenv.attach(reference, on_rig()).id == run.id


def test_a_task_that_is_missing_for_a_moment_is_found(
    rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    run = submit(on_rig())
    forget()
    with rig.faults.inject("missing", times=1):
        assert flowenv.attach(run.reference, on_rig()).id == run.id


@pytest.mark.parametrize(
    "reference",
    [
        "arn:aws:ecs:eu-west-1:123456789012:task/flows/" + "0" * 32,
        "0" * 32,
        "11111111-2222-3333-4444-555555555555",
    ],
)
def test_a_run_that_nobody_has_seen_is_not_found(reference: str, on_rig: OnRig) -> None:
    with pytest.raises(RunNotFound, match="an hour"):
        flowenv.attach(reference, on_rig())


def test_anybody_elses_task_is_no_run(rig: EcsRig, on_rig: OnRig, submit: Submit) -> None:
    run = submit(on_rig())
    task = rig.tasks.find(run.reference)
    assert task is not None
    answer = rig.client("ecs").run_task(
        cluster="flows",
        launchType="FARGATE",
        taskDefinition=task.definition["taskDefinitionArn"],
        networkConfiguration=on_rig().kwargs["networkConfiguration"],
    )
    arn = answer["tasks"][0]["taskArn"]

    with pytest.raises(RunNotFound, match="no run of flowenv"):
        flowenv.attach(arn, on_rig())
    assert arn not in [summary.reference for summary in find(on_rig())]


def test_runs_are_found_by_all_of_their_labels(on_rig: OnRig, submit: Submit, label: str) -> None:
    both = submit(on_rig(labels=[label]), labels=["nightly"])
    one = submit(on_rig(labels=[label]))

    assert {s.run_id for s in find(on_rig(), label)} == {both.id, one.id}
    assert [s.run_id for s in find(on_rig(), label, "nightly")] == [both.id]
    assert {both.id, one.id} <= {s.run_id for s in find(on_rig())}


def test_a_listed_run_has_its_flow_state_and_reference(
    on_rig: OnRig, submit: Submit, scripts: Any, label: str
) -> None:
    scripts.outcome = Outcome("", State.FAILED, error_class="ValueError", message="no")
    run = submit(on_rig(labels=[label]))
    run.wait(20)
    [summary] = find(on_rig(), label)

    assert (summary.flow, summary.reference) == ("add", run.reference)
    assert summary.status.state is State.FAILED
    assert summary.status.message == "ValueError: no"
    assert summary.labels == (label,)
