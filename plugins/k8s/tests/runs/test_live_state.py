"""`run.state` is what the cluster says now, kept by the shared watch."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable

import pytest

from flowenv import attach
from flowenv.errors import PlatformUnreachable
from flowenv.plugin import FlowRun, Reason, State
from flowenv.remote import outages
from flowenv_k8s.api.client import Client
from flowenv_k8s.runs.watch import pod_watch
from on_kubernetes.job_runs import complete, pod_of
from rigs.kubernetes import KubernetesRig, ScriptedKubelet

Start = Callable[..., FlowRun]


def seen(run: FlowRun, state: State) -> bool:
    """Look at the state, and nothing else, until it is this one."""
    for _ in range(2000):
        if run.state is state:
            return True
        threading.Event().wait(0.01)
    return False


def test_a_loop_that_looks_at_states_ends_and_shares_one_watch(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    runs = [start() for _ in range(3)]
    assert all(seen(run, State.RUNNING) for run in runs)
    rig.requests.clear()
    for _ in range(30):
        assert {run.state for run in runs} == {State.RUNNING}
    assert not list(rig.requests)

    for run in runs:
        complete(rig, kubelet, run)
    assert all(seen(run, State.COMPLETED) for run in runs)
    assert rig.requests.count(verb="list") == rig.requests.count(verb="get") == 0


def test_who_attaches_sees_the_state_and_changes_nothing(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start, environment: Callable[..., object]
) -> None:
    run = start()
    again = attach(run.reference, environment())  # type: ignore[arg-type]
    assert seen(again, State.RUNNING)
    complete(rig, kubelet, run)
    assert seen(again, State.COMPLETED)
    assert rig.requests.count(verb="patch") == rig.requests.count(verb="delete") == 0
    assert attach(run.reference, environment()).state is State.COMPLETED  # type: ignore[arg-type]


def test_a_run_that_cannot_start_is_given_up_by_its_submitter_who_only_looks(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    with rig.faults.inject("image_pull", times=None):
        run = start(start_deadline=0.5)
        assert seen(run, State.CRASHED)
    assert run.status.reason is Reason.IMAGE_PULL


def test_the_watch_ends_with_the_state_that_is_final_or_forgotten(
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    start: Start,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pod_watch, "LINGER", 0.0)
    run = start()
    assert seen(run, State.RUNNING)
    rig.wait_until(lambda: rig.requests.open_watches, "the watch")
    del run
    gc.collect()
    rig.wait_until(lambda: not rig.requests.open_watches, "the watch's end")


def test_an_outage_is_borne_and_said_and_ends(
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outages, "SPOKEN_OF", 0.0)
    run = start()
    assert seen(run, State.RUNNING)
    pod = pod_of(rig, run)
    with rig.faults.inject("api_down"):
        rig.wait_until(lambda: "No news since" in run.status.message, "word of the outage")
        assert run.state is State.RUNNING
    kubelet.end(pod, exit_code=137)
    assert seen(run, State.CRASHED)


def test_an_outage_that_lasts_too_long_is_an_error(
    rig: KubernetesRig, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages, "PATIENCE", 0.3)
    run = start()
    assert seen(run, State.RUNNING)
    with rig.faults.inject("api_down"), pytest.raises(PlatformUnreachable):
        seen(run, State.COMPLETED)
    assert seen(run, State.RUNNING)
