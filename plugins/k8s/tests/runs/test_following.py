"""Following runs: states, reasons, deadlines, cancelling. No process runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from flowenv import attach
from flowenv.errors import PlatformError, RunCancelled, WaitTimeout
from flowenv.plugin import FlowRun, Outcome, Reason, State, Status
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.resources import PODS
from flowenv_k8s.runs import cancellation, tracking
from flowenv_k8s.runs import start as start_of_runs
from on_kubernetes.job_runs import complete, name_of, pod_of, running, until
from on_kubernetes.proofs import proof
from rigs.kubernetes import KubernetesRig, ScriptedKubelet

_WITH_SIDECAR = {
    "spec": {
        "template": {
            "spec": {"containers": [{"image": "repo/flow:1"}, {"name": "side", "image": "side:1"}]}
        }
    }
}


Start = Callable[..., FlowRun]


def record(run: FlowRun, state: State, **more: Any) -> str:
    return Outcome(run.id, state, proof=proof(run), **more).to_bytes().decode()


# -- states ------------------------------------------------------------------------------


def test_a_run_goes_from_submitted_to_its_result(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start()
    running(run)
    message = record(run, State.COMPLETED, result=[1, 2], has_result=True)
    kubelet.end(pod_of(rig, run), message=message)
    assert run.result(20) == [1, 2]


def test_a_run_that_goes_well_needs_one_request_for_who_asks_later(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start()
    running(run)
    complete(rig, kubelet, run)
    run.wait(20)
    asked = {(one.verb, one.resource) for one in rig.requests if one.resource != "configmaps"}
    assert asked == {
        *(("create", "jobs"), ("create", "secrets")),
        *(("list", "pods"), ("watch", "pods")),
        ("patch", "jobs"),
    }
    assert rig.requests.count(verb="patch") == 1


def test_waiting_ends_at_its_timeout_and_the_run_goes_on(start: Start) -> None:
    run = start()
    with pytest.raises(WaitTimeout):
        run.wait(0.01)
    assert run.refresh().state in (State.SUBMITTED, State.STARTING, State.RUNNING)


def test_with_retries_the_run_is_running_until_the_jobs_verdict(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "ASK_AGAIN", 0.05)
    manifest = {"spec": {"backoffLimit": 1, "template": {"spec": {"containers": [{}]}}}}
    run = start(job_spec=manifest)
    seen: list[Status] = []
    thread = threading.Thread(target=lambda: seen.extend(run.follow(20)))
    thread.start()
    first = pod_of(rig, run)
    rig.wait_for("Pod", first, lambda pod: pod["status"]["phase"] == "Running")
    kubelet.end(first, 1, message=record(run, State.FAILED, message="one"))
    second = rig.wait_until(
        lambda: [p for p in rig.pods_of(name_of(run)) if p["metadata"]["name"] != first], "retry"
    )[0]["metadata"]["name"]
    rig.wait_for("Pod", second, lambda pod: pod["status"]["phase"] == "Running")
    kubelet.end(second, 1, message=record(run, State.FAILED, message="two"))
    thread.join(20)
    assert run.state is State.FAILED
    assert "two" in run.status.message
    assert [one.state for one in seen if one.state.is_final] == [State.FAILED]


def test_states_are_the_same_for_those_who_look_once(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start()
    running(run)
    kubelet.end(pod_of(rig, run), 1, message=record(run, State.FAILED, message="no"))
    rig.wait_for("Pod", pod_of(rig, run), lambda pod: pod["status"]["phase"] == "Failed")
    found = attach(run.reference, run.environment)
    assert found.refresh() == run.refresh()


# -- reasons ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        ("image_pull", Reason.IMAGE_PULL, "failed to pull"),
        ("unschedulable", Reason.UNSCHEDULABLE, "nodes are available"),
    ],
)
def test_what_never_starts_crashes_at_its_deadline_and_the_job_ends(
    fault: str, reason: Reason, words: str, rig: KubernetesRig, start: Start
) -> None:
    with rig.faults.inject(fault, times=None):
        run = start(start_deadline=0.3)
        status = run.wait(20)
        assert (status.state, status.reason) == (State.CRASHED, reason)
        assert "was not running after 0.3 s" in status.message
        assert status.hint
        rig.wait_until(lambda: not rig.pods_of(name_of(run)), "the pod being gone")
    found = attach(run.reference, run.environment).refresh()
    assert (found.state, found.reason) == (status.state, status.reason)


def test_no_words_of_somebody_else_hold_a_run_back(rig: KubernetesRig, start: Start) -> None:
    words = "0/1 nodes are available: 1 node(s) had untolerated taint {aggregated: }"
    with rig.faults.inject("unschedulable", times=None, message=words):
        assert start(start_deadline=0.3).wait(20).state is State.CRASHED


def test_what_a_run_waits_for_is_said_while_it_waits(rig: KubernetesRig, start: Start) -> None:
    with rig.faults.inject("image_pull", times=None):
        run = start()
        status = until(run, lambda one: one.reason is Reason.IMAGE_PULL)
    assert status.state is State.STARTING
    assert status.hint.endswith("The run is given up when it hasn't started within 600 s.")
    run.cancel()


def test_an_image_that_is_tried_again_and_again_is_one_condition(
    rig: KubernetesRig, start: Start, client: Client
) -> None:
    run = start()
    name = pod_of(rig, run)
    job = rig.get("Job", name_of(run))
    tracker = tracking.RunTracker(client, job, 600)
    seen = []
    for word in ("ErrImagePull", "ImagePullBackOff", "ErrImagePull", "ImagePullBackOff"):
        state = {"waiting": {"reason": word, "message": f"the kubelet's words of {word}"}}
        status = {"phase": "Pending", "containerStatuses": [{"name": "flow", "state": state}]}
        rig.apply({**rig.get("Pod", name), "status": status})
        seen.append(tracker.look())
    assert {one.message for one in seen} == {"ErrImagePull: the kubelet's words of ErrImagePull"}
    run.cancel()


@pytest.mark.parametrize(
    ("fault", "reason", "retryable"),
    [
        ("oom_kill", Reason.OOM_KILLED, False),
        ("evicted", Reason.EVICTED, True),
        ("preempted", Reason.PREEMPTED, True),
        ("node_lost", Reason.LOST, True),
        ("status_unknown", Reason.LOST, True),
    ],
)
def test_what_the_platform_does_to_a_pod_is_the_reason(
    fault: str, reason: Reason, retryable: bool, rig: KubernetesRig, start: Start
) -> None:
    run = start()
    statuses = run.follow(20)
    next(one for one in statuses if one.state is State.RUNNING)
    with rig.faults.inject(fault, label_selector=f"flowenv.io/run-id={run.id}"):
        status = list(statuses)[-1]
    assert (status.state, status.reason) == (State.CRASHED, reason)
    assert status.can_retry is retryable
    assert status.message


def test_a_job_deleted_from_outside_is_lost(rig: KubernetesRig, start: Start) -> None:
    run = start()
    running(run)
    with rig.faults.inject("job_deleted", name=name_of(run)):
        status = run.wait(20)
    assert (status.state, status.reason) == (State.CRASHED, Reason.LOST)


def test_a_job_over_its_deadline_says_so(rig: KubernetesRig, start: Start) -> None:
    status = start(deadline=1).wait(20)
    assert (status.state, status.reason) == (State.CRASHED, Reason.DEADLINE)
    assert "specified deadline (1 s)" in status.message


def test_without_a_pod_the_jobs_events_say_why(
    rig: KubernetesRig, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_of_runs, "EVENTS_AFTER", 0.05)
    run = start(job_spec={"spec": {"suspend": True, "template": {"spec": {"containers": [{}]}}}})
    uid = rig.get("Job", name_of(run))["metadata"]["uid"]
    rig.apply(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "refused"},
            "involvedObject": {"kind": "Job", "uid": uid},
            "type": "Warning",
            "reason": "FailedCreate",
            "message": "pods is forbidden: exceeded quota: small",
        }
    )
    status = until(run, lambda one: one.reason is not None)
    assert (status.state, status.reason) == (State.SUBMITTED, Reason.QUOTA)
    assert "exceeded quota: small" in status.message


# -- several containers -----------------------------------------------------------------


def test_a_sidecar_that_never_ends_is_ended_and_the_outcome_stays(
    rig: KubernetesRig, start: Start, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(job_spec=_WITH_SIDECAR)
    running(run)
    pod = rig.get("Pod", pod_of(rig, run))
    done = {"exitCode": 0, "message": record(run, State.COMPLETED, result=5, has_result=True)}
    statuses = pod["status"]["containerStatuses"]
    states = [{**statuses[0], "state": {"terminated": done}}, statuses[1]]
    rig.apply({**pod, "status": {**pod["status"], "containerStatuses": states}})
    assert run.result(20) == 5
    rig.wait_for("Job", name_of(run), lambda job: job["status"].get("conditions"))
    rig.wait_until(lambda: not rig.pods_of(name_of(run)), "the pod being gone")
    attached = attach(run.reference, run.environment)
    assert attached.result(20) == 5
    with pytest.raises(PlatformError, match="the run is over and its pod is gone"):
        list(attached.logs())


# -- cancelling --------------------------------------------------------------------------


def test_cancelling_returns_when_nothing_is_there(rig: KubernetesRig, start: Start) -> None:
    run = start()
    running(run)
    assert run.cancel().state is State.CANCELLED
    assert rig.find("Job", name_of(run)) is None
    assert rig.pods_of(name_of(run)) == []
    with pytest.raises(RunCancelled):
        run.result()


def test_a_run_that_cannot_be_stopped_is_an_error(
    rig: KubernetesRig, start: Start, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancellation, "MARGIN", -30.0)
    run = start()
    running(run)
    stuck = rig.get("Pod", pod_of(rig, run))
    stuck["metadata"]["finalizers"] = ["example.com/stuck"]
    rig.apply(stuck)
    with pytest.raises(PlatformError, match="still there"):
        run.cancel()
    free = {"metadata": {"finalizers": None}}
    client.patch(PODS, "default", stuck["metadata"]["name"], free)
    rig.wait_gone("Pod", stuck["metadata"]["name"])


def test_who_may_not_see_the_end_of_a_run_cancels_nothing(rig: KubernetesRig, start: Start) -> None:
    run = start()
    running(run)
    assert run.handle
    with (
        rig.access.denied("list", "pods"),
        pytest.raises(PlatformError, match="Not allowed to list pods"),
    ):
        run.handle.cancel()
    assert "deletionTimestamp" not in rig.get("Job", name_of(run))["metadata"]
    assert run.cancel().state is State.CANCELLED


def test_a_run_that_waits_is_cancelled_also_by_who_may_not_delete_pods(
    rig: KubernetesRig, start: Start
) -> None:
    with rig.faults.inject("image_pull"), rig.access.denied("delete", "pods"):
        run = start()
        pod_of(rig, run)
        assert run.cancel().state is State.CANCELLED
    assert rig.pods_of(name_of(run)) == []


def test_whoever_follows_hears_of_the_cancellation(rig: KubernetesRig, start: Start) -> None:
    run = start()
    running(run)
    other = attach(run.reference, run.environment)
    ends: list[Status] = []
    thread = threading.Thread(target=lambda: ends.append(other.wait(20)))
    thread.start()
    rig.wait_until(lambda: rig.requests.open_watches, "the other one watching")
    run.cancel()
    thread.join(20)
    assert ends[0].state is State.CANCELLED
