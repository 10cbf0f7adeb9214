"""What the cluster itself says of a run, for who looks at it later too."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flowenv import attach
from flowenv.errors import FlowenvError
from flowenv.plugin import FlowRun, Reason, State, Status
from flowenv_k8s import KubernetesJobEnvironment
from flowenv_k8s.api.client import forget_connections
from flowenv_k8s.runs.diagnosis.run_status import Verdict
from flowenv_k8s.runs.diagnosis.told_events import told
from flowenv_k8s.runs.start import EVENTS_AFTER
from flowenv_k8s.runs.start import Start as StartOfRun
from flowenv_k8s.spec.labels import FURTHER_PODS
from flowenv_k8s.spec.names import run_suffix
from on_kubernetes.job_runs import name_of, pod_of, running
from rigs.kubernetes import KubernetesRig, ScriptedKubelet

Start = Callable[..., FlowRun]
Environment = Callable[..., KubernetesJobEnvironment]


def test_what_is_in_the_way_is_a_warning_with_what_to_do(
    rig: KubernetesRig, start: Start, environment: Environment
) -> None:
    with rig.faults.inject("unschedulable", times=None):
        run = start()
        next(run.follow(5))
        events = attach(run.reference, environment()).events()
    (warning,) = (one for one in events if one.is_warning)
    assert (warning.name, warning.about.partition(" ")[0]) == ("FailedScheduling", "Pod")
    assert "nodes are available" in warning.message
    assert "add nodes" in warning.hint
    assert warning.at


def test_all_events_are_told_in_their_order(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start()
    running(run)
    pod = pod_of(rig, run)
    events = run.events()
    seconds = [int(one.at.timestamp()) for one in events if one.at]
    assert seconds == sorted(seconds)
    assert f"Pod {pod}" in {one.about for one in events}


def test_pods_that_the_run_has_made_for_itself_are_told_of_too(
    rig: KubernetesRig, start: Start
) -> None:
    run = start()
    running(run)
    labels = {"flowenv.io/run-id": run.id}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "worker", "labels": labels}}
    rig.apply({**pod, "spec": {"containers": [{"name": "worker", "image": "i"}]}})
    uid = rig.get("Pod", "worker")["metadata"]["uid"]
    about = {"kind": "Pod", "name": "worker", "uid": uid}
    event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "waits"}}
    rig.apply({**event, "involvedObject": about, "type": "Warning", "reason": "FailedScheduling"})
    assert "Pod worker" in [one.about for one in run.events() if one.is_warning]


def test_pods_that_are_gone_are_told_of_by_their_names(rig: KubernetesRig, start: Start) -> None:
    run, other = start(), start()
    running(run)

    def tell(name: str, uid: str) -> None:
        about = {"kind": "Pod", "name": name, "uid": uid}
        event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": f"of-{uid}"}}
        rig.apply({**event, "involvedObject": about, "type": "Warning", "reason": "Evicted"})

    def gone() -> list[str]:
        forget_connections()
        told_of = attach(run.reference, run.environment).events()
        return [one.about for one in told_of if one.name == "Evicted"]

    tell(f"x-{run_suffix(run.id)}-worker-1", "uid-1")
    tell(f"x-{run_suffix(other.id)}-worker-1", "uid-2")
    assert gone() == []  # a Job that makes no pods has none
    job = rig.get("Job", name_of(run))
    job["metadata"]["annotations"][FURTHER_PODS] = "true"
    rig.apply(job)
    assert gone() == [f"Pod x-{run_suffix(run.id)}-worker-1"]


def test_events_of_one_second_are_in_the_order_in_which_they_were_made() -> None:
    def event(name: str, version: int, **when: str) -> dict[str, object]:
        return {"reason": name, "metadata": {"resourceVersion": str(version)}, **when}

    scheduled = event("Scheduled", 5, eventTime="2026-11-28T17:06:37.901234Z")
    started = event("Started", 8, lastTimestamp="2026-11-28T17:06:37Z")
    assert [one.name for one in told([started, scheduled])] == ["Scheduled", "Started"]


def test_what_was_in_the_way_of_a_pod_that_has_started_is_no_warning() -> None:
    def event(name: str, kind: str, second: int | str, pod: str = "a") -> dict[str, object]:
        about: object = {"kind": "Pod", "name": pod}
        first, last = "2026-11-28T17:06:05Z", f"2026-11-28T17:06:{second}Z"
        message = 'MountVolume.SetUp failed for volume "flowenv-payload" : secret "a" not found'
        told = {"reason": name, "type": kind, "involvedObject": about, "message": message}
        return told | {"firstTimestamp": first, "lastTimestamp": last}

    mount, started = event("FailedMount", "Warning", 10), event("Started", "Normal", 12)
    (waits,) = told([mount])
    assert waits.is_warning
    assert "run's own" in waits.hint
    assert not any(one.is_warning or one.hint for one in told([mount, started]))
    other = event("FailedMount", "Warning", 10, pod="b")
    assert [one.is_warning for one in told([other, started])] == [True, False]
    # the Secret is made right after the Job
    assert not told([event("FailedMount", "Warning", "09")])[0].is_warning
    assert told([started, event("BackOff", "Warning", 13)])[-1].is_warning


@pytest.mark.parametrize(("last", "reason"), [("07", None), ("15", Reason.CONFIGURATION)])
def test_a_pod_that_is_there_before_its_runs_secret_shows_that_only_if_it_lasts(
    last: str, reason: Reason | None
) -> None:
    event = {
        "reason": "FailedMount",
        "message": 'MountVolume.SetUp failed for volume "flowenv-payload" : secret "a" not found',
        "firstTimestamp": "2026-11-28T17:06:05Z",
        "lastTimestamp": f"2026-11-28T17:06:{last}Z",
    }
    waits = StartOfRun(0, EVENTS_AFTER, lambda pods: [event], lambda: None)
    verdict = waits.judge(Verdict(Status(State.STARTING)), None, (), is_blind=False)
    assert (verdict.status.state, verdict.status.reason) == (State.STARTING, reason)


def test_who_may_not_see_events_is_told_so(rig: KubernetesRig, start: Start) -> None:
    run = start()
    running(run)
    with (
        rig.faults.inject("forbidden", verb="list", resource="events", times=None),
        pytest.raises(FlowenvError, match="events"),
    ):
        run.events()
