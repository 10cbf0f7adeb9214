"""What a run's status is where its Job says more than its pods, and with several of them."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from flowenv.plugin import Reason, State
from flowenv_k8s.runs.diagnosis.run_status import Verdict

from .judged import NOW, STOPPED, container, job, pod, record, terminated, verdict

# -- the Job's own words ------------------------------------------------------------------


def test_the_jobs_deadline_wins_over_the_flows_last_words() -> None:
    stopped = pod(container(terminated=terminated(143, record(State.CANCELLED))))
    for kind in ("Failed", "FailureTarget"):
        status = verdict(job((kind, "DeadlineExceeded"), activeDeadlineSeconds=5), stopped).status
        assert (status.state, status.reason) == (State.CRASHED, Reason.DEADLINE)
        assert "(5 s)" in status.message


def test_a_failed_job_without_its_pod_has_lost_the_reason() -> None:
    status = verdict(job(("Failed", "BackoffLimitExceeded"))).status
    assert status.reason is Reason.LOST
    assert "BackoffLimitExceeded: words" in status.message


@pytest.mark.parametrize(
    ("words", "state", "reason"),
    [
        ("Container flow for pod a/b failed with exit code 1 matching", State.FAILED, None),
        (
            "Container flow for pod a/b failed with exit code 3 matching",
            State.CRASHED,
            Reason.START_ERROR,
        ),
        (
            "Container flow for pod a/b failed with exit code 41 matching",
            State.CRASHED,
            Reason.EXITED,
        ),
        (
            "Container flow for pod a/b failed with exit code 137 matching",
            State.CRASHED,
            Reason.LOST,
        ),
        ("Pod a/b has condition DisruptionTarget matching", State.CRASHED, Reason.EVICTED),
    ],
)
def test_a_failed_job_without_its_pod_tells_its_exit_code(
    words: str, state: State, reason: Reason | None
) -> None:
    failed = job(("Failed", "PodFailurePolicy"))
    failed["status"]["conditions"][0]["message"] = f"{words} FailJob rule at index 1"
    status = verdict(failed).status
    assert (status.state, status.reason) == (state, reason)
    assert "nobody has kept more" in status.message


def test_a_pod_that_was_stopped_asks_the_job_why() -> None:
    stopped = pod(container(terminated=terminated(143, record(State.CANCELLED))))
    stopped["metadata"]["deletionTimestamp"] = "2026-11-22T18:00:00Z"
    found = verdict(job(), stopped)
    assert found.ask_job
    assert not found.status.state.is_final
    failed = verdict(job(("Failed", "BackoffLimitExceeded")), stopped)
    assert (failed.status.state, failed.status.reason) == (State.CRASHED, Reason.LOST)
    assert "The pod pod-1 was deleted" in failed.status.message
    assert failed.status.can_retry


@pytest.mark.parametrize("text", [STOPPED, record(State.CANCELLED)])
def test_a_flow_that_something_else_stopped_has_crashed(text: str) -> None:
    for made in (job(), job(("Failed", "BackoffLimitExceeded"))):
        status = verdict(made, pod(container(terminated=terminated(143, text)))).status
        assert (status.state, status.reason) == (State.CRASHED, Reason.STOPPED)
        assert status.can_retry


def test_a_flow_that_stopped_since_somebody_cancelled_is_cancelled() -> None:
    for text, code in ((STOPPED, 143), ("", 143), ("", 137)):
        ended = pod(container(terminated=terminated(code, text)))
        for made in (job(), job(("Failed", "BackoffLimitExceeded"))):
            made["metadata"]["annotations"] = {"flowenv.io/cancelled": "2026-11-22T18:00:00Z"}
            assert verdict(made, ended).status.state is State.CANCELLED


def test_a_cancellation_changes_nothing_of_a_flow_that_has_ended() -> None:
    text = record(State.FAILED, error_class="ValueError", message="no")
    made = job()
    made["metadata"]["annotations"] = {"flowenv.io/cancelled": "2026-11-22T18:00:00Z"}
    status = verdict(made, pod(container(terminated=terminated(1, text)))).status
    assert status.state is State.FAILED


def test_a_job_that_is_being_deleted_by_somebody_is_lost() -> None:
    going = job()
    going["metadata"]["deletionTimestamp"] = "2026-11-22T18:00:00Z"
    status = verdict(going, pod(container(terminated=terminated(143, STOPPED)))).status
    assert (status.state, status.reason) == (State.CRASHED, Reason.LOST)


def test_a_container_that_its_node_has_lost_is_lost() -> None:
    words = "The container could not be located when the pod was terminated"
    unknown = terminated(137, words, "ContainerStatusUnknown")
    status = verdict(job(), pod(container(terminated=unknown), phase="Failed")).status
    assert (status.state, status.reason) == (State.CRASHED, Reason.LOST)
    assert "could not be located" in status.message


def test_a_job_that_is_gone_is_lost() -> None:
    assert verdict(None).status.reason is Reason.LOST
    gone = verdict(None, pod(container(running={})), gone=frozenset({"pod-1"}))
    assert gone.status.reason is Reason.LOST


def test_a_pod_whose_job_was_orphaned_goes_on_and_is_judged_by_itself() -> None:
    assert verdict(None, pod(container(running={}))).status.state is State.RUNNING
    done = record(State.COMPLETED)
    assert (
        verdict(None, pod(container(terminated=terminated(0, done)))).status.state
        is State.COMPLETED
    )


def test_a_job_that_we_deleted_is_cancelled() -> None:
    assert verdict(None, cancelled=True).status.state is State.CANCELLED


def test_a_flow_that_was_stopped_by_the_deletion_is_cancelled() -> None:
    stopped = pod(container(terminated=terminated(143, STOPPED)))
    assert verdict(None, stopped, cancelled=True).status.state is State.CANCELLED
    assert verdict(None, stopped).status.reason is Reason.LOST


def test_a_complete_job_without_pods_is_completed_and_says_that_its_result_is_lost() -> None:
    found = verdict(job(("Complete", "CompletionsReached")))
    assert found.status.state is State.COMPLETED
    assert found.outcome is None
    assert "nobody has kept the flow's result" in found.status.message


def test_a_vanished_pod_asks_the_job() -> None:
    found = verdict(job(), pod(container(running={})), gone=frozenset({"pod-1"}))
    assert not found.status.state.is_final
    assert found.ask_job


def test_an_outcome_left_on_the_job_counts() -> None:
    ended = job(("Failed", "DeadlineExceeded"))
    ended["metadata"]["annotations"] = {
        "flowenv.io/outcome": record(State.COMPLETED, result=3, has_result=True)
    }
    found = verdict(ended)
    assert found.status.state is State.COMPLETED
    assert found.outcome
    assert found.outcome.result == 3


# -- several attempts, several containers ---------------------------------------------------


def test_with_retries_a_failed_attempt_leaves_the_run_running() -> None:
    failed = pod(container(terminated=terminated(1, record(State.FAILED))))
    found = verdict(job(backoff=2), failed)
    assert found.status.state is State.RUNNING
    assert found.ask_job


def test_with_retries_the_jobs_verdict_is_the_runs() -> None:
    first = pod(container(terminated=terminated(1, record(State.FAILED, message="one"))))
    text = record(State.FAILED, message="two")
    second = pod(container(terminated=terminated(1, text)), name="pod-2")
    status = verdict(job(("Failed", "BackoffLimitExceeded"), backoff=1), second, first).status
    assert status.state is State.FAILED
    assert "two" in status.message


@pytest.mark.parametrize("kind", ["Failed", "FailureTarget"])
def test_an_attempt_that_the_job_stops_as_one_too_many_leaves_the_verdict_to_the_one_before(
    kind: str,
) -> None:
    last = terminated(1, record(State.FAILED, message="ValueError: one"))
    stopped = container(terminated=terminated(0, STOPPED)) | {"lastState": {"terminated": last}}
    for made in (
        job((kind, "BackoffLimitExceeded"), backoff=1),
        job((kind, "DeadlineExceeded"), backoff=1),
    ):
        status = verdict(made, pod(stopped)).status
        is_retried = made["status"]["conditions"][0]["reason"] == "BackoffLimitExceeded"
        assert status.state is (State.FAILED if is_retried else State.CRASHED)
        assert ("ValueError: one" in status.message) is is_retried


@pytest.mark.parametrize("side", [{"running": {}}, {"waiting": {"reason": "ErrImagePull"}}])
def test_a_sidecar_that_goes_on_does_not_hold_the_run(side: dict[str, Any]) -> None:
    done = container(terminated=terminated(0, record(State.COMPLETED)))
    found = verdict(job(), pod(done, container("side", **side)))
    assert found.status.state is State.COMPLETED
    assert found.job_must_end


def test_a_sidecar_that_fails_changes_nothing_of_the_flows_end() -> None:
    done = container(terminated=terminated(0, record(State.COMPLETED)))
    both = pod(done, container("side", terminated=terminated(5)), phase="Failed")
    for made in (job(), job(("Failed", "BackoffLimitExceeded"))):
        assert verdict(made, both).status.state is State.COMPLETED


def test_a_failed_attempt_waits_a_little_for_the_sidecar_to_end() -> None:
    def attempt(seconds: float) -> Verdict:
        ended = (NOW - datetime.timedelta(seconds=seconds)).isoformat()
        failed = container(terminated=terminated(1, record(State.FAILED), ended=ended))
        return verdict(job(backoff=3), pod(failed, container("side", running={})))

    assert attempt(5).status.state is State.RUNNING
    assert attempt(60).status.state is State.FAILED
    assert attempt(60).job_must_end


def test_an_injected_first_container_is_not_the_flows() -> None:
    done = record(State.COMPLETED)
    injected = pod(container("proxy", running={}), container(terminated=terminated(0, done)))
    assert verdict(job(), injected).status.state is State.COMPLETED
