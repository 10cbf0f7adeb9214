"""From ECS's words to a run's status."""

from typing import Any

import pytest

from flowenv.plugin import Outcome, Reason, State
from flowenv_fargate.runs.diagnosis.status import CANCEL_REASON, DEADLINE_MARK, diagnose, is_over

RUN = "11111111-2222-3333-4444-555555555555"
COMPLETED = Outcome(RUN, State.COMPLETED, result=3, has_result=True)
FAILED = Outcome(RUN, State.FAILED, error_class="ValueError", message="no")
CANCELLED = Outcome(RUN, State.CANCELLED)
STOPPED = Outcome(RUN, State.CRASHED, reason=Reason.STOPPED)


def task(status: str = "STOPPED", exit_code: int | None = None, **fields: Any) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "flow", "lastStatus": "STOPPED"}
    if exit_code is not None:
        container["exitCode"] = exit_code
    if reason := fields.pop("reason", None):
        container["reason"] = reason
    return {"lastStatus": status, "containers": [container], **fields}


@pytest.mark.parametrize("status", ["PROVISIONING", "PENDING", "ACTIVATING"])
def test_a_task_on_its_way_up_is_starting(status: str) -> None:
    found = diagnose({"lastStatus": status, "containers": []}, "flow")

    assert found.state is State.STARTING
    assert status in found.message


@pytest.mark.parametrize("status", ["RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING"])
def test_a_task_that_ran_is_running_until_its_flow_has_ended(status: str) -> None:
    living = {"lastStatus": status, "startedAt": 1, "containers": []}

    assert diagnose(living, "flow").state is State.RUNNING


@pytest.mark.parametrize(
    ("reason", "words"), [(CANCEL_REASON, "run is being cancelled"), ("late", "being stopped")]
)
def test_a_task_that_is_told_to_stop_says_so_until_it_has(reason: str, words: str) -> None:
    stopping = {"lastStatus": "STOPPING", "startedAt": 1, "containers": []}

    found = diagnose({**stopping, "desiredStatus": "STOPPED", "stoppedReason": reason}, "flow")

    assert found.state is State.RUNNING
    assert words in found.message


def test_a_run_is_judged_by_the_flows_container_and_not_by_the_others() -> None:
    both = task("RUNNING", 0)
    both["containers"].append({"name": "side", "lastStatus": "RUNNING"})

    assert diagnose(both, "flow").state is State.COMPLETED
    assert diagnose(both, "side").state is State.RUNNING


def test_a_process_that_was_told_to_stop_is_not_over_until_ecs_says_who_told_it() -> None:
    assert not is_over(task("RUNNING", 143), "flow")
    assert is_over(task("RUNNING", 143, stopCode="SpotInterruption"), "flow")


@pytest.mark.parametrize("outcome", [COMPLETED, FAILED])
def test_the_runs_own_record_says_how_it_ended(outcome: Outcome) -> None:
    stopped = task(exit_code=1, stopCode="UserInitiated", stoppedReason="late")

    assert diagnose(stopped, "flow", outcome) == outcome.status()


def test_without_a_record_exit_code_0_is_completed() -> None:
    assert diagnose(task(exit_code=0), "flow").state is State.COMPLETED


def test_without_a_record_another_exit_code_is_crashed_with_the_last_line() -> None:
    found = diagnose(task(exit_code=7), "flow", last_lines="one\nSegmentation fault\n")

    assert (found.state, found.reason) == (State.CRASHED, Reason.EXITED)
    assert "Segmentation fault" in found.message


def test_an_image_without_flowenv_is_a_start_error_with_a_hint() -> None:
    lines = "ModuleNotFoundError: No module named 'flowenv'"
    found = diagnose(task(exit_code=1), "flow", last_lines=lines)

    assert found.reason is Reason.START_ERROR
    assert "Dockerfile" in found.hint


def test_a_container_that_used_up_its_memory_says_so() -> None:
    reason = "OutOfMemoryError: Container killed due to memory usage"
    found = diagnose(task(exit_code=137, reason=reason, memory="2048"), "flow")

    assert found.reason is Reason.OOM_KILLED
    assert "2048 MiB" in found.message


@pytest.mark.parametrize("outcome", [CANCELLED, STOPPED, None])
def test_a_stop_that_flowenv_was_asked_for_is_a_cancellation(outcome: Outcome | None) -> None:
    stopped = task(exit_code=143, stopCode="UserInitiated", stoppedReason=CANCEL_REASON)

    assert diagnose(stopped, "flow", outcome).state is State.CANCELLED


@pytest.mark.parametrize("outcome", [CANCELLED, STOPPED, None])
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("SpotInterruption", Reason.PREEMPTED),
        ("TerminationNotice", Reason.EVICTED),
        ("InfrastructureHealth", Reason.EVICTED),
    ],
)
def test_a_stop_by_aws_is_a_crash_that_may_be_tried_again(
    code: str, reason: Reason, outcome: Outcome | None
) -> None:
    found = diagnose(task(exit_code=143, stopCode=code, stoppedReason="why"), "flow", outcome)

    assert (found.state, found.reason, found.message) == (State.CRASHED, reason, "why")
    assert found.can_retry


@pytest.mark.parametrize("outcome", [CANCELLED, STOPPED, None])
def test_a_flow_that_is_stopped_as_another_essential_container_ended_has_crashed(
    outcome: Outcome | None,
) -> None:
    stopped = task(exit_code=143, stopCode="EssentialContainerExited")
    for name, code in (("helper", 143), ("init", 0), ("side", 4)):
        stopped["containers"].append({"name": name, "lastStatus": "STOPPED", "exitCode": code})
    found = diagnose(stopped, "flow", outcome)

    assert (found.state, found.reason) == (State.CRASHED, Reason.EXITED)
    assert "essential container side ended with 4" in found.message


def test_a_flow_that_ended_by_itself_is_not_blamed_on_what_was_stopped_with_it() -> None:
    stopped = task(exit_code=7, stopCode="EssentialContainerExited")
    stopped["containers"].append({"name": "side", "lastStatus": "STOPPED", "exitCode": 4})

    assert "exit code 7" in diagnose(stopped, "flow").message


@pytest.mark.parametrize("outcome", [CANCELLED, STOPPED, None])
def test_a_flow_that_got_a_signal_in_its_own_container_was_not_cancelled(
    outcome: Outcome | None,
) -> None:
    stopped = task(exit_code=143, stopCode="EssentialContainerExited")
    found = diagnose(stopped, "flow", outcome)

    assert (found.state, found.reason) == (State.CRASHED, Reason.STOPPED)


@pytest.mark.parametrize("outcome", [CANCELLED, STOPPED, None])
@pytest.mark.parametrize("said", ["by the night shift", "", None])
def test_a_stop_by_somebody_else_is_a_crash_with_their_words(
    said: str | None, outcome: Outcome | None
) -> None:
    stopped = task(exit_code=143, stopCode="UserInitiated", stoppedReason=said)
    found = diagnose(stopped, "flow", outcome)

    assert (found.state, found.reason) == (State.CRASHED, Reason.STOPPED)
    assert (said or "") in found.message
    assert found.can_retry


def test_a_stop_by_flowenvs_deadline_is_a_crash_by_deadline() -> None:
    said = f"{DEADLINE_MARK} 600 seconds (PENDING)"
    found = diagnose(task(stopCode="UserInitiated", stoppedReason=said), "flow")

    assert (found.state, found.reason) == (State.CRASHED, Reason.DEADLINE)
    assert "600 seconds" in found.message


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("CannotPullContainerError: pull image manifest has been retried", Reason.IMAGE_PULL),
        ("Timeout waiting for network interface provisioning to complete.", Reason.NETWORK),
        (
            "ResourceInitializationError: unable to pull secrets or registry auth: …",
            Reason.CONFIGURATION,
        ),
        (
            "ResourceInitializationError: failed to validate logger args: … The specified log "
            "group does not exist.",
            Reason.CONFIGURATION,
        ),
        ("CannotStartContainerError: … executable file not found in $PATH", Reason.START_ERROR),
        ("Capacity is unavailable at this time.", Reason.UNSCHEDULABLE),
        ("ECS was unable to assume the role …", Reason.ACCESS_DENIED),
        ("Something new", Reason.START_ERROR),
    ],
)
def test_a_task_that_never_started_says_why(said: str, reason: Reason) -> None:
    found = diagnose(task(stopCode="TaskFailedToStart", stoppedReason=said), "flow")

    assert (found.state, found.reason) == (State.CRASHED, reason)
    assert said in found.message


def test_the_containers_own_reason_is_read_where_the_tasks_is_general() -> None:
    stopped = task(stoppedReason="Task failed to start", reason="CannotPullContainerError: no")

    assert diagnose(stopped, "flow").reason is Reason.IMAGE_PULL


def test_a_task_without_containers_can_be_over_too() -> None:
    stopped = {"lastStatus": "STOPPED", "containers": [], "stopCode": "TaskFailedToStart"}

    assert diagnose(stopped, "flow").state is State.CRASHED
