"""The handle: states, reasons, log, outcome and cancelling, on tasks of the rig."""

import time
from collections.abc import Callable
from typing import Any

import pytest

import flowenv
from flowenv.errors import (
    PlatformError,
    ResultUnavailable,
    RunCancelled,
    RunFailed,
    TransientPlatformError,
    UnsupportedOperation,
)
from flowenv.plugin import Outcome, Reason, State
from flowenv.remote import outages, polled_handle
from flowenv_fargate.runs import cloudwatch, handle
from rigs.ecs import Account, EcsRig, Script

from .followed import ENDLESS, OnRig, Submit, until

# -- states and outcomes ----------------------------------------------------------------------


def test_a_run_goes_through_its_states_to_its_result(on_rig: OnRig, submit: Submit) -> None:
    run = submit(on_rig())
    states = [status.state for status in run.follow(20)]

    assert list(dict.fromkeys(states)) == [State.STARTING, State.RUNNING, State.COMPLETED]
    assert run.result() == 3


def test_a_loop_that_looks_at_the_state_ends(
    rig: EcsRig, on_rig: OnRig, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polled_handle, "_PAUSE", 0.01)
    runs = [submit(on_rig()) for _ in range(3)]
    looked_at_until(lambda: {run.state for run in runs} == {State.COMPLETED})

    assert [run.result() for run in runs] == [3, 3, 3]


def test_a_loop_that_looks_at_the_state_bears_an_outage_and_says_so(
    rig: EcsRig, on_rig: OnRig, submit: Submit, scripts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polled_handle, "_PAUSE", 0.0)
    monkeypatch.setattr(outages, "SPOKEN_OF", 0.0)
    scripts.chosen = ENDLESS
    run = submit(on_rig())
    looked_at_until(lambda: run.state is State.RUNNING)
    with rig.faults.inject("throttling", operation="DescribeTasks", times=None):
        looked_at_until(lambda: "No news since" in run.status.message)
        assert run.state is State.RUNNING
    looked_at_until(lambda: not run.status.message)
    monkeypatch.setattr(outages, "PATIENCE", 0.05)
    with (
        rig.faults.inject("throttling", operation="DescribeTasks", times=None),
        pytest.raises(TransientPlatformError),
    ):
        looked_at_until(lambda: run.state is State.COMPLETED)


def looked_at_until(holds: Callable[[], bool]) -> None:
    """Look again and again, as a script does, until something holds or a look raises."""
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "it never came"


def test_the_submitter_and_who_attaches_know_the_same_phases(
    rig: EcsRig, on_rig: OnRig, submit: Submit, scripts: Any
) -> None:
    began = time.time()
    scripts.outcome = Outcome("", State.COMPLETED, result=3, has_result=True, ran=(began, 0.0))
    run = submit(on_rig())
    run.wait(20)

    names = [phase.name for phase in run.phases()]
    assert names == ["scheduling", "pulling", "starting", "loading", "running", "closing"]
    for _ in range(5):  # each look moves the task one state on
        rig.client("ecs").describe_tasks(cluster="flows", tasks=[run.reference])
    assert flowenv.attach(run.reference, on_rig()).times() == run.times()
    assert run.times().ended


def test_a_flow_that_raised_is_failed_with_its_error(
    on_rig: OnRig, submit: Submit, scripts: Any
) -> None:
    scripts.outcome = Outcome("", State.FAILED, error_class="ValueError", message="no such bird")
    run = submit(on_rig())

    with pytest.raises(RunFailed, match="ValueError: no such bird") as failed:
        run.result(20)
    assert failed.value.error_class == "ValueError"


def test_a_result_that_stayed_behind_says_so(on_rig: OnRig, submit: Submit, scripts: Any) -> None:
    scripts.outcome = Outcome("", State.COMPLETED, result_type="DataFrame")

    with pytest.raises(ResultUnavailable, match="results_url"):
        submit(on_rig()).result(20)


def test_a_process_that_left_no_record_is_crashed_with_its_last_line(
    on_rig: OnRig, submit: Submit, scripts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloudwatch, "DRAIN_SECONDS", 0.0)
    scripts.chosen = Script(exit_code=139, lines=["Segmentation fault"])
    status = submit(on_rig()).wait(20)

    assert (status.state, status.reason) == (State.CRASHED, Reason.EXITED)
    assert "Segmentation fault" in status.message


def test_a_record_that_is_late_is_waited_for_by_whoever_looks(
    rig: EcsRig, on_rig: OnRig, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloudwatch, "LATE_SECONDS", 60.0)
    monkeypatch.setattr(rig, "log_latency", 25.0)
    run = submit(on_rig())
    rig.tasks.wait(run.reference, "PROVISIONING")
    for _ in range(10):  # each look moves the task one state on
        rig.client("ecs").describe_tasks(cluster="flows", tasks=[run.reference])
    rig.tasks.wait(run.reference, "STOPPED")
    again = flowenv.attach(run.reference, on_rig())

    assert run.refresh().state is again.refresh().state is State.RUNNING
    rig.pass_time(25)
    assert run.result(20) == again.result(20) == 3


def test_a_flow_that_ends_with_0_and_says_nothing_is_crashed_whoever_asks(
    on_rig: OnRig, submit: Submit, scripts: Any
) -> None:
    scripts.chosen = Script(exit_code=0, lines=["on my way"])
    run = submit(on_rig())
    status = run.wait(20)

    assert (status.state, status.reason) == (State.CRASHED, Reason.EXITED)
    assert "exit code 0" in status.message
    again = flowenv.attach(run.reference, on_rig())
    assert again.wait(20) == status
    [summary] = [one for one in flowenv.find_runs(on_rig()) if one.run_id == run.id]
    assert summary.status == status


def test_a_log_that_may_not_be_read_leaves_the_state_and_fails_the_result(
    rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    run = submit(on_rig())
    with rig.faults.inject("access_denied", operation="GetLogEvents", times=None):
        assert run.wait(20).state is State.COMPLETED
        with pytest.raises(PlatformError, match="GetLogEvents"):
            run.result()
    assert run.result() == 3


def test_a_failure_whose_log_may_not_be_read_is_known_by_its_exit_code(
    rig: EcsRig, on_rig: OnRig, submit: Submit, scripts: Any
) -> None:
    scripts.chosen = Script(exit_code=1)
    run = submit(on_rig())
    with rig.faults.inject("access_denied", operation="GetLogEvents", times=None):
        status = run.wait(20)

    assert (status.state, status.reason) == (State.CRASHED, Reason.EXITED)
    assert "exit code 1" in status.message


@pytest.mark.filterwarnings("ignore:The container:UserWarning")
def test_without_a_cloudwatch_log_the_exit_code_is_the_outcome(
    on_rig: OnRig, submit: Submit
) -> None:
    run = submit(on_rig(executionRoleArn=None))

    assert run.wait(20).state is State.COMPLETED
    with pytest.raises(ResultUnavailable, match="exit code 0"):
        run.result()
    with pytest.raises(UnsupportedOperation, match="CloudWatch"):
        list(run.logs())


def test_a_run_that_can_not_be_deleted_says_what_goes_when(on_rig: OnRig, submit: Submit) -> None:
    run = submit(on_rig())
    run.wait(20)
    with pytest.raises(UnsupportedOperation, match=r"about an hour after its end.*log group"):
        run.delete()


# -- cancelling -------------------------------------------------------------------------------


def test_cancelling_returns_when_the_task_has_stopped(
    rig: EcsRig, on_rig: OnRig, submit: Submit, scripts: Any
) -> None:
    scripts.chosen = ENDLESS
    run = submit(on_rig())
    until(run, State.RUNNING)
    status = run.cancel()

    assert status.state is State.CANCELLED
    assert rig.tasks.wait(run.reference, lambda task: task.desired_status == "STOPPED")
    assert rig.requests.of("StopTask")[-1].parameters["task"] == run.reference
    with pytest.raises(RunCancelled):
        run.result()


def test_a_task_that_somebody_else_stopped_has_crashed_whoever_asks(
    rig: EcsRig, on_rig: OnRig, submit: Submit, scripts: Any
) -> None:
    scripts.chosen = ENDLESS
    run = submit(on_rig())
    until(run, State.RUNNING)
    rig.client("ecs").stop_task(cluster="flows", task=run.reference, reason="night shift")
    status = run.wait(20)
    again = flowenv.attach(run.reference, on_rig())

    assert (status.state, status.reason) == (State.CRASHED, Reason.STOPPED)
    assert "night shift" in status.message
    assert again.wait(20) == status


def test_cancelling_before_the_start_stops_the_task_too(on_rig: OnRig, submit: Submit) -> None:
    assert submit(on_rig()).cancel().state is State.CANCELLED


@pytest.mark.parametrize("fault", ["answer_lost", "throttling", "missing"])
def test_cancelling_gets_through_a_fault(
    fault: str, rig: EcsRig, on_rig: OnRig, submit: Submit, scripts: Any
) -> None:
    scripts.chosen = ENDLESS
    run = submit(on_rig())
    operation = "DescribeTasks" if fault == "missing" else "StopTask"
    with rig.faults.inject(fault, operation=operation):
        assert run.cancel().state is State.CANCELLED


def test_cancelling_a_run_that_is_over_changes_nothing(
    rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    run = submit(on_rig())
    run.wait(20)

    assert run.cancel().state is State.COMPLETED
    assert rig.requests.count("StopTask") == 0


def test_a_task_that_does_not_stop_is_an_error(
    on_rig: OnRig, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handle, "STOP_SECONDS", 0.0)

    with pytest.raises(PlatformError, match="hasn't stopped"):
        submit(on_rig()).cancel()


def test_what_else_is_in_an_existing_definitions_task_is_stopped_with_the_flow(
    rig: EcsRig, on_rig: OnRig, submit: Submit, account: Account, scripts: Any
) -> None:
    scripts.chosen = ENDLESS
    logs_to = account.log_configuration("theirs")
    flow = {"name": "flow", "image": "flow:1", "essential": False, "logConfiguration": logs_to}
    rig.client("ecs").register_task_definition(
        family="with-server",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        executionRoleArn=account.execution_role_arn,
        containerDefinitions=[flow, {"name": "server", "image": "flow:1"}],
    )
    run = submit(on_rig(taskDefinition="with-server", executionRoleArn=None))
    until(run, State.RUNNING)
    task = rig.tasks.find(run.reference)
    assert task is not None
    with rig.tasks.changing(task):  # the flow's container alone ends
        task.containers[0].status, task.containers[0].exit_code = "STOPPED", 1

    assert run.wait(20).state is State.CRASHED
    assert rig.requests.count("StopTask") == 1


# -- many runs --------------------------------------------------------------------------------


MANY = 130
"""More than the 120 that may start in the first second."""


def test_many_runs_stay_within_the_rates_of_the_api(
    rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    import concurrent.futures

    environment = on_rig()
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        runs = list(pool.map(lambda _: submit(environment), range(MANY)))
        took = time.monotonic() - began
        states = list(pool.map(lambda run: run.wait(60).state, runs))

    assert states == [State.COMPLETED] * MANY
    assert len({run.reference for run in runs}) == MANY
    counts = rig.requests.counts()
    assert counts["RunTask"] == MANY <= 100 + 20 * (took + 1)
    assert counts["RegisterTaskDefinition"] <= 1
    # a round of them all takes two calls; by one run each every round would be as many as runs
    assert counts["DescribeTasks"] <= MANY
    assert counts["GetLogEvents"] == MANY


def test_why_a_task_stopped_is_told_in_the_words_of_ecs(
    rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    with rig.faults.inject("image_pull"):
        run = submit(on_rig())
        run.wait(20)
    *moments, last = flowenv.attach(run.reference, on_rig()).events()
    assert "createdAt" in [one.name for one in moments]
    assert (last.name, last.is_warning) == ("TaskFailedToStart", True)
    assert "CannotPullContainerError" in " ".join(one.message for one in (*moments, last))
    assert "image's name" in last.hint
