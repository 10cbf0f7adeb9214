"""Why a pod of Dask's doesn't run, from what Kubernetes says of it."""

from __future__ import annotations

from typing import Any

import pytest

from flowenv.plugin import Reason, State, Status
from flowenv_dask_k8s.cluster import diagnosis


def pod(
    state: dict[str, Any] | None = None,
    *,
    last: dict[str, Any] | None = None,
    restarts: int = 0,
    conditions: tuple[dict[str, str], ...] = (),
    **metadata: Any,
) -> dict[str, Any]:
    container = {
        "name": "scheduler",
        "state": state or {},
        "lastState": last or {},
        "restartCount": restarts,
    }
    return {
        "metadata": {"name": "c-scheduler-x", "uid": "1", **metadata},
        "spec": {"containers": [{"name": "scheduler"}]},
        "status": {"phase": "Running", "conditions": conditions, "containerStatuses": [container]},
    }


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def ended(reason: str, code: int = 1, message: str = "") -> dict[str, Any]:
    return {"terminated": {"reason": reason, "exitCode": code, "message": message}}


def test_a_running_container_runs() -> None:
    assert diagnosis.standing(pod({"running": {}})).state is State.RUNNING


def test_a_restarted_container_that_runs_again_runs() -> None:
    again = pod({"running": {}}, last=ended("OOMKilled", 137), restarts=5)

    assert diagnosis.standing(again).state is State.RUNNING


@pytest.mark.parametrize(("restarts", "state"), [(0, State.STARTING), (2, State.CRASHED)])
def test_a_container_may_end_twice_before_it_counts(restarts: int, state: State) -> None:
    status = diagnosis.standing(
        pod(waiting("CrashLoopBackOff"), last=ended("Error"), restarts=restarts)
    )

    assert (status.state, status.reason) == (state, Reason.START_ERROR)


def test_a_container_killed_for_its_memory_says_so() -> None:
    status = diagnosis.standing(pod(ended("OOMKilled", 137), restarts=3))

    assert (status.state, status.reason) == (State.CRASHED, Reason.OOM_KILLED)


def test_a_script_that_dask_no_longer_has_gets_a_hint() -> None:
    message = 'exec: "dask-worker": executable file not found in $PATH'

    assert "write `dask worker`" in diagnosis.standing(pod(ended("StartError", 128, message))).hint


@pytest.mark.parametrize(
    ("word", "state"),
    [("ImagePullBackOff", State.STARTING), ("ErrImageNeverPull", State.CRASHED)],
)
def test_an_image_that_can_not_come_is_not_waited_for(word: str, state: State) -> None:
    status = diagnosis.standing(pod(waiting(word, "no such image")))

    assert (status.state, status.reason) == (state, Reason.IMAGE_PULL)


def test_a_pod_that_is_being_deleted_does_not_count() -> None:
    old = pod(creationTimestamp="2026-01-01T00:00:00Z")
    going = pod(creationTimestamp="2026-01-02T00:00:00Z", deletionTimestamp="2026-01-02T00:00:01Z")

    assert diagnosis.newest([old, going]) is old
    assert diagnosis.newest([going]) is None


def test_a_pod_is_ready_by_its_condition() -> None:
    assert diagnosis.is_ready(pod(conditions=({"type": "Ready", "status": "True"},)))
    assert not diagnosis.is_ready(pod(conditions=({"type": "Ready", "status": "False"},)))


def test_the_error_has_the_reason_the_event_and_the_log() -> None:
    status = Status(State.STARTING, Reason.START_ERROR, "It ends")

    error = diagnosis.not_started(
        "scheduler s", status, seconds=5, told=(Reason.NETWORK, "BackOff: again"), log=["boom"]
    )

    assert error.reason is Reason.START_ERROR
    assert error.message == (
        "The Dask scheduler s was not up after 5 s: It ends (BackOff: again)\n"
        "The end of its log:\n  boom"
    )


def test_without_a_reason_it_was_the_deadline() -> None:
    error = diagnosis.not_started("scheduler", Status(State.STARTING), seconds=5)

    assert error.reason is Reason.DEADLINE
    assert "Kubernetes gives no reason" in error.message


CLUSTER = {"metadata": {"name": "c"}}
GOING: dict[str, Any] = {"deletionTimestamp": "2026-01-02T00:00:01Z"}
OOM = ended("OOMKilled", 137)


@pytest.mark.parametrize(
    ("now", "reason", "words"),
    [
        ([], Reason.LOST, "its pod was deleted"),
        ([pod({"running": {}}, **GOING)], Reason.LOST, "its pod was deleted"),
        ([pod(OOM, **GOING)], Reason.OOM_KILLED, "OOMKilled, exit code 137"),
        ([pod(OOM)], Reason.OOM_KILLED, "OOMKilled, exit code 137"),
        ([pod({"running": {}}, last=OOM, restarts=1)], Reason.OOM_KILLED, "OOMKilled"),
        ([pod(waiting("CrashLoopBackOff"), last=ended("Error"), restarts=1)], Reason.LOST, "Error"),
    ],
)
def test_a_lost_scheduler_says_how(now: list[dict[str, Any]], reason: Reason, words: str) -> None:
    error = diagnosis.why_lost(pod({"running": {}}), now, CLUSTER)

    assert error is not None
    assert error.reason is reason
    assert words in error.message


def test_a_scheduler_goes_with_its_cluster() -> None:
    error = diagnosis.why_lost(pod({"running": {}}), [], None)

    assert error is not None
    assert "its DaskCluster was deleted" in error.message


def test_a_scheduler_of_which_nothing_is_told_yet_is_not_judged() -> None:
    restarted_before = pod({"running": {}}, last=OOM, restarts=1)

    assert diagnosis.why_lost(restarted_before, [restarted_before], CLUSTER) is None
