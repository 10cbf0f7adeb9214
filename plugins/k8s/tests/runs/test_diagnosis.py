"""What a run's status is, from what Kubernetes says of its Job and pods."""

from __future__ import annotations

from typing import Any

import pytest

from flowenv.plugin import Reason, State
from flowenv_k8s.spec.labels import CANCELLED

from .judged import RUN, container, job, pod, record, terminated, verdict

# -- going on ---------------------------------------------------------------------------


def test_a_job_without_a_pod_is_submitted() -> None:
    assert verdict(job()).status.state is State.SUBMITTED


def test_a_suspended_job_says_so() -> None:
    assert "suspended" in verdict(job(suspend=True)).status.message


def test_a_pod_that_is_prepared_is_starting() -> None:
    waiting = container(waiting={"reason": "ContainerCreating"})
    assert verdict(job(), pod(waiting)).status.state is State.STARTING


def test_a_running_flow_container_is_running() -> None:
    assert verdict(job(), pod(container(running={}))).status.state is State.RUNNING


def test_a_running_sidecar_is_not() -> None:
    waiting = container(waiting={"reason": "PodInitializing"})
    assert (
        verdict(job(), pod(waiting, container("side", running={}))).status.state is State.STARTING
    )


IS_ROOT = "CreateContainerConfigError: container has runAsNonRoot and image will run as root (pod:"
WANTS_ROOT = "CreateContainerConfigError: container's runAsUser breaks non-root policy (pod: x"


@pytest.mark.parametrize(
    ("word", "reason", "hopeless"),
    [
        (IS_ROOT, Reason.CONFIGURATION, True),
        (WANTS_ROOT, Reason.CONFIGURATION, True),
        ('CreateContainerConfigError: secret "x" not found', Reason.CONFIGURATION, False),
        ("ErrImagePull", Reason.IMAGE_PULL, False),
        ("ImagePullBackOff", Reason.IMAGE_PULL, False),
        ("InvalidImageName", Reason.IMAGE_PULL, True),
        ("ErrImageNeverPull", Reason.IMAGE_PULL, True),
        ("CreateContainerConfigError", Reason.CONFIGURATION, False),
        ("CreateContainerError", Reason.START_ERROR, False),
    ],
)
def test_what_a_container_waits_for_is_said(word: str, reason: Reason, hopeless: bool) -> None:
    word, _, more = word.partition(": ")
    words = f"{more} the kubelet's words".lstrip()
    waits = {"reason": word, "message": words}
    of_flow = pod(container(waiting=waits), phase="Pending")
    of_init = pod(
        container(waiting={"reason": "PodInitializing"}),
        phase="Pending",
        initContainerStatuses=[{"name": "fetch", "state": {"waiting": waits}}],
    )
    for waiting, whose in ((of_flow, ""), (of_init, "The init container fetch waits: ")):
        found = verdict(job(), waiting)
        # the Job goes on, and the kubelet starts the container when the image is there
        assert (found.status.state, found.status.reason) == (State.STARTING, reason)
        assert found.status.message == f"{whose}{word}: {words}"
        assert found.is_hopeless is hopeless


@pytest.mark.parametrize("state", [{"running": {}}, {"waiting": {"reason": "ErrImageNeverPull"}}])
def test_a_run_that_is_being_cancelled_says_so_until_it_is(state: dict[str, Any]) -> None:
    living = pod(container(**state))
    living["metadata"]["deletionTimestamp"] = "2026-11-22T18:00:00Z"
    marked = job()
    marked["metadata"]["annotations"] = {CANCELLED: "2026-11-22T18:00:00Z"}
    found = verdict(marked, living)
    assert not found.status.state.is_final
    assert found.status.message == "The run is being cancelled."
    assert not found.is_hopeless


def test_an_unschedulable_pod_says_why() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    status = verdict(
        job(), pod(phase="Pending", conditions=[{**condition, "message": "0/3 nodes"}])
    ).status
    assert (status.state, status.reason) == (State.STARTING, Reason.UNSCHEDULABLE)
    assert "0/3 nodes" in status.message


# -- ended ------------------------------------------------------------------------------


def test_the_record_says_how_the_flow_ended() -> None:
    text = record(State.COMPLETED, result=42, has_result=True)
    found = verdict(job(), pod(container(terminated=terminated(0, text))))
    assert found.status.state is State.COMPLETED
    assert found.outcome
    assert found.outcome.result == 42


def test_a_record_of_another_run_counts_for_nothing() -> None:
    text = record(State.COMPLETED, result=42, has_result=True).replace(RUN, "other")
    assert verdict(job(), pod(container(terminated=terminated(0, text)))).outcome is None


def test_without_a_record_the_exit_code_speaks() -> None:
    for words in ("", "last words"):
        status = verdict(job(), pod(container(terminated=terminated(0, words)))).status
        assert (status.state, status.reason) == (State.CRASHED, Reason.EXITED)
    status = verdict(job(), pod(container(terminated=terminated(7, "last words")))).status
    assert (status.state, status.reason) == (State.CRASHED, Reason.EXITED)
    assert "exit code 7" in status.message


def test_a_record_that_the_kubelet_has_cut_is_one_all_the_same() -> None:
    text = record(State.COMPLETED, result="x" * 3900, has_result=True)[:2048]
    found = verdict(job(), pod(container(terminated=terminated(0, text))))
    assert found.status.state is State.COMPLETED
    assert found.outcome
    assert found.outcome.is_cut


def test_an_image_without_flowenv_is_told_what_its_dockerfile_lacks() -> None:
    words = "ModuleNotFoundError: No module named 'flowenv'"
    status = verdict(job(), pod(container(terminated=terminated(1, words, "Error")))).status
    assert status.reason is Reason.START_ERROR
    assert "Dockerfile" in status.hint


def test_a_command_that_can_not_be_started_is_a_start_error() -> None:
    ended = terminated(128, 'exec: "/bin/sh": no such file', "StartError")
    status = verdict(job(), pod(container(terminated=ended))).status
    assert (status.state, status.reason) == (State.CRASHED, Reason.START_ERROR)


def test_an_oom_kill_is_told_from_other_kills() -> None:
    status = verdict(job(), pod(container(terminated=terminated(137, "", "OOMKilled")))).status
    assert status.reason is Reason.OOM_KILLED
    status = verdict(job(), pod(container(terminated=terminated(137, "", "Error")))).status
    assert status.reason is Reason.EXITED


def test_an_evicted_pod_may_have_no_container_statuses() -> None:
    evicted = pod(phase="Failed", reason="Evicted", message="The node was low on memory.")
    status = verdict(job(), evicted).status
    assert (status.reason, status.can_retry) == (Reason.EVICTED, True)
    assert "low on memory" in status.message


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("PreemptionByScheduler", Reason.PREEMPTED),
        ("TerminationByKubelet", Reason.EVICTED),
        ("EvictionByEvictionAPI", Reason.EVICTED),
        ("DeletionByTaintManager", Reason.LOST),
    ],
)
def test_a_disruption_is_not_a_cancellation(word: str, reason: Reason) -> None:
    text = record(State.CANCELLED)
    condition = {"type": "DisruptionTarget", "status": "True", "reason": word, "message": "m"}
    disrupted = pod(container(terminated=terminated(143, text)), conditions=[condition])
    assert verdict(job(), disrupted).status.reason is reason


def test_a_flow_that_ended_before_the_disruption_keeps_its_outcome() -> None:
    text = record(State.FAILED, error_class="ValueError", message="no")
    condition = {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"}
    disrupted = pod(container(terminated=terminated(1, text)), conditions=[condition])
    assert verdict(job(), disrupted).status.state is State.FAILED


def test_a_failed_init_container_is_named() -> None:
    init = {"name": "fetch", "state": {"terminated": terminated(2, "no route")}}
    status = verdict(job(), pod(phase="Failed", initContainerStatuses=[init])).status
    assert status.reason is Reason.START_ERROR
    assert "fetch" in status.message
    assert "no route" in status.message
