"""What a run's status is, from what Kubernetes says of its Job and pods."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from flowenv.plugin import Outcome, Reason, State
from flowenv_k8s.runs.diagnosis.events import explain
from flowenv_k8s.runs.diagnosis.pod_status import pod_status
from flowenv_k8s.runs.diagnosis.reasons import hint_for
from flowenv_k8s.runs.diagnosis.run_status import Observed, Verdict, judge
from flowenv_k8s.spec.labels import CANCELLED

RUN = "11111111-2222-4333-8444-555555555555"
NOW = datetime.datetime(2026, 11, 22, 18, 0, tzinfo=datetime.UTC)


def job(*conditions: tuple[str, str], backoff: int = 0, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "job"},
        "spec": {"backoffLimit": backoff, **spec},
        "status": {
            "conditions": [
                {"type": kind, "status": "True", "reason": reason, "message": "words"}
                for kind, reason in conditions
            ]
        },
    }


def container(name: str = "flow", **state: Any) -> dict[str, Any]:
    return {"name": name, "state": state}


def terminated(
    code: int = 0, message: str = "", reason: str = "", ended: str = ""
) -> dict[str, Any]:
    return {"exitCode": code, "message": message, "reason": reason, "finishedAt": ended}


def pod(*statuses: dict[str, Any], name: str = "pod-1", **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "uid": name, "creationTimestamp": name},
        "spec": {"containers": [{"name": "flow"}, {"name": "side"}], "restartPolicy": "Never"},
        "status": {"phase": "Running", "containerStatuses": list(statuses), **status},
    }


def record(state: State, **more: Any) -> str:
    return Outcome(RUN, state, **more).to_bytes().decode()


STOPPED = record(State.CRASHED, reason=Reason.STOPPED, message="SIGTERM")


def verdict(job: dict[str, Any] | None, *pods: dict[str, Any], **more: Any) -> Verdict:
    return judge(Observed(RUN, job, pods, "flow", NOW, **more))


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


# -- events, and other pods -------------------------------------------------------------------


def event(
    reason: str, message: str, second: int = 1, kind: str = "Warning", version: int = 1
) -> dict[str, Any]:
    when = f"2026-11-22T18:00:{second:02}Z"
    return {
        "metadata": {"resourceVersion": str(version)},
        "reason": reason,
        "message": message,
        "lastTimestamp": when,
        "type": kind,
    }


def scheduling(message: str, when: str, last: str = "") -> dict[str, Any]:
    """An event as the scheduler writes it."""
    made = {"reason": "FailedScheduling", "message": message, "type": "Warning"}
    series = {"lastObservedTime": f"2026-11-22T18:00:{last}Z"} if last else None
    at = f"2026-11-22T18:00:{when}Z"
    return {**made, "lastTimestamp": None, "eventTime": at, "series": series}


def test_the_newest_is_known_whoever_wrote_it() -> None:
    one, two = "0/1 nodes: cpu", "0/1 nodes: memory"
    refused = event("FailedCreate", "no", 3)
    assert explain([scheduling(one, "03.250000"), refused]) == (
        (Reason.UNSCHEDULABLE, f"FailedScheduling: {one}")
    )
    assert explain([scheduling(one, "01.000000", "09.500000"), scheduling(two, "08.000000")]) == (
        (Reason.UNSCHEDULABLE, f"FailedScheduling: {one}")
    )
    quota = event("FailedCreate", "exceeded quota", 3, version=9)
    for events in ([refused, quota], [quota, refused]):
        assert (explain(events) or ("",))[0] is Reason.QUOTA


def test_what_can_not_be_mounted_is_told_of_every_volume_and_no_longer_than_it_holds() -> None:
    secret, path = 'secret "x" not found', "hostPath type check failed"
    both = [event("FailedMount", secret, 20), event("FailedMount", path, 21)]
    assert explain(both) == (Reason.CONFIGURATION, f"FailedMount: {path}; {secret}")
    later = [both[0], event("FailedMount", path, 40)]
    assert explain(later) == (Reason.CONFIGURATION, f"FailedMount: {path}")


def test_the_newest_telling_event_explains() -> None:
    events = [
        event("FailedScheduling", "0/1 nodes", 1),
        event("FailedMount", 'secret "x" not found', 2),
        event("Pulled", "fine", 3, "Normal"),
        event("SomethingElse", "hm", 4),
    ]
    assert explain(events) == (Reason.CONFIGURATION, 'FailedMount: secret "x" not found')


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ('pods "a" is forbidden: violates PodSecurity "restricted:latest": …', "securityContext"),
        ("failed quota: q: must specify limits.cpu for: flow", "set resources"),
        ("maximum memory usage per Container is 1Gi, but limit is 2Gi", "LimitRange"),
        ('error looking up service account a/b: serviceaccount "b" not found', "service_account="),
        ("no PriorityClass with name high was found", "get priorityclasses"),
        ("container has runAsNonRoot and image will run as root", "USER 1000"),
        ("hostPath type check failed: /nope is not a directory", "no such path"),
        ('persistentvolumeclaim "data" not found', "Make the claim"),
        ('references non-existent secret key: key, Secret "x"', "Does the Secret"),
        ("something that nobody knows", ""),
    ],
)
def test_a_hint_is_about_what_kubernetes_says(words: str, hint: str) -> None:
    found = hint_for(Reason.CONFIGURATION, words)
    assert hint in found
    assert bool(found) is bool(hint)


def test_a_start_that_fails_speaks_of_a_shell_only_where_a_file_is_missing() -> None:
    assert "/bin/sh" in hint_for(Reason.START_ERROR, 'exec: "/bin/sh": no such file or directory')
    assert hint_for(Reason.START_ERROR, "StartError: error setting cgroup config") == ""


def test_what_came_before_a_pod_had_a_node_explains_nothing_later() -> None:
    events = [event("FailedScheduling", "0/1 nodes", 1)]
    assert explain(events)
    assert explain(events, has_node=True) is None


def test_a_quota_is_told_from_other_refusals() -> None:
    quota = event("FailedCreate", "pods is forbidden: exceeded quota: small")
    assert (explain([quota]) or ("",))[0] is Reason.QUOTA
    assert (explain([event("FailedCreate", "admission denied")]) or ("",))[0] is (
        Reason.CONFIGURATION
    )


def test_nothing_telling_explains_nothing() -> None:
    assert explain([event("Scheduled", "ok", kind="Normal")]) is None


def test_any_pod_can_be_judged_by_itself() -> None:
    assert pod_status(pod(container(running={}))).state is State.RUNNING
    waiting = container(waiting={"reason": "ImagePullBackOff", "message": "m"})
    assert pod_status(pod(waiting)).reason is Reason.IMAGE_PULL
    assert pod_status(pod(container(terminated=terminated(1)))).state is State.CRASHED
