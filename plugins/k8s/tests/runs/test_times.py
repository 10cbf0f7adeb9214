"""When what of a run happened, by the cluster's clocks, whoever asks."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from flowenv import attach
from flowenv.plugin import FlowRun, Outcome, State
from flowenv_k8s import KubernetesJobEnvironment
from on_kubernetes.job_runs import name_of, pod_of, running
from on_kubernetes.proofs import proof
from rigs.kubernetes import KubernetesRig, ScriptedKubelet

Start = Callable[..., FlowRun]
Environment = Callable[..., KubernetesJobEnvironment]


def test_the_submitter_and_who_attaches_know_the_same_phases(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start, environment: Environment
) -> None:
    run = start()
    running(run)
    began = run.times().started
    assert began
    told = Outcome(run.id, State.COMPLETED, ran=(began.timestamp(), 0.0), proof=proof(run))
    kubelet.end(pod_of(rig, run), message=told.to_bytes().decode())
    run.wait(20)

    times = run.times()
    assert [one.name for one in run.phases()] == [
        *("scheduling", "pulling", "starting", "loading", "running", "closing")
    ]
    moments = [times.made, times.scheduled, times.pulled, times.started, times.running, times.ended]
    assert all(a and b and a <= b for a, b in itertools.pairwise(moments))
    assert attach(run.reference, environment()).times() == times


def test_while_it_runs_the_last_phase_is_open(start: Start, environment: Environment) -> None:
    run = start()
    running(run)
    [*_, last] = attach(run.reference, environment()).phases()
    assert (last.name, last.ended) == ("running", None)


def test_without_its_pod_the_job_still_says_when_it_began_and_ended(
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    start: Start,
    environment: Environment,
) -> None:
    run = start()
    running(run)
    pod = pod_of(rig, run)
    told = Outcome(run.id, State.FAILED, message="no", ran=(1.0, 2.0), proof=proof(run))
    kubelet.end(pod, exit_code=1, message=told.to_bytes().decode())
    run.wait(20)
    rig.delete("Pod", pod)
    times = attach(run.reference, environment()).times()
    assert times.made
    assert times.ended


def test_of_a_run_that_never_ran_no_phase_is_called_running_or_open(
    rig: KubernetesRig, start: Start, environment: Environment
) -> None:
    with rig.faults.inject("image_pull", times=None):
        run = start(start_deadline=0.3)
        run.wait(20)
    for seen in (run, attach(run.reference, environment())):
        seen.refresh()
        [*_, last] = seen.phases()
        assert last.name in ("scheduling", "starting")
        assert last.ended == seen.times().ended
        assert last.ended


def test_who_may_not_see_events_misses_when_the_image_was_there(
    rig: KubernetesRig, start: Start
) -> None:
    run = start()
    running(run)
    with rig.faults.inject("forbidden", verb="list", resource="events", times=None):
        times = run.times()
    assert times.started
    assert times.pulled is None


def pod_of_job(**spec: object) -> dict[str, object]:
    return {"spec": {"template": {"spec": {"containers": [{}], **spec}}}}


GATED = pod_of_job(schedulingGates=[{"name": "example.com/queue"}])


def let_go(rig: KubernetesRig, run: FlowRun) -> None:
    """Lift the gates of a run's pod."""
    pod = rig.get("Pod", pod_of(rig, run))
    rig.apply({**pod, "spec": {**pod["spec"], "schedulingGates": None}})


def test_the_time_in_a_queue_is_a_phase(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start, environment: Environment
) -> None:
    suspended = pod_of_job()
    suspended["spec"]["suspend"] = True  # type: ignore[index]
    run = start(job_spec=suspended)
    [queued] = attach(run.reference, environment()).phases()
    assert (queued.name, queued.ended) == ("queued", None)
    job = rig.get("Job", name_of(run))
    rig.apply({**job, "spec": {**job["spec"], "suspend": False}})
    running(run)
    [queued, *_] = attach(run.reference, environment()).phases()
    assert (queued.name, queued.ended is not None) == ("queued", True)


def test_a_gated_pod_is_queued_and_says_by_whom(
    rig: KubernetesRig, start: Start, environment: Environment
) -> None:
    run = start(job_spec=GATED)
    rig.wait_until(lambda: rig.pods_of(name_of(run)), "a pod")
    looked = attach(run.reference, environment())
    assert looked.refresh().state is State.SUBMITTED
    assert looked.status.message == "The pod's scheduling is gated by example.com/queue."
    [queued] = looked.phases()
    assert (queued.name, queued.ended) == ("queued", None)


def test_the_gates_of_a_pod_have_gone_when_it_is_first_scheduled(
    rig: KubernetesRig, start: Start, environment: Environment
) -> None:
    run = start(job_spec=GATED)
    rig.wait_until(lambda: rig.pods_of(name_of(run)), "a pod")
    let_go(rig, run)
    running(run)
    for seen in (run, attach(run.reference, environment())):
        assert [one.name for one in seen.phases()][:2] == ["queued", "scheduling"]
        assert seen.times().released == seen.times().scheduled


def test_a_pod_that_finds_no_place_without_its_gates_is_no_longer_queued(
    rig: KubernetesRig, start: Start, environment: Environment
) -> None:
    with rig.faults.inject("unschedulable", times=None):
        run = start(job_spec=GATED)
        rig.wait_until(lambda: rig.pods_of(name_of(run)), "a pod")
        let_go(rig, run)
        looked = attach(run.reference, environment())
        rig.wait_until(lambda: looked.refresh().state is State.STARTING, "a look")
        assert [one.name for one in looked.phases()] == ["queued", "scheduling"]
        assert looked.phases()[-1].ended is None
