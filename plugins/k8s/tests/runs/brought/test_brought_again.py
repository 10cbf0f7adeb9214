"""What a run shares with others is removed while it waits: it is brought again, or the run ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flowenv import attach
from flowenv.errors import PlatformError
from flowenv.plugin import FlowRun, Reason, State
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.resources import EVENTS
from flowenv_k8s.runs import start as start_of_runs
from flowenv_k8s.runs.brought.runtime import bring_runtime
from on_kubernetes.job_runs import name_of, pod_of
from rigs.kubernetes import KubernetesRig, Script, ScriptedKubelet

Start = Callable[..., FlowRun]


@pytest.fixture(scope="module")
def kubelet() -> ScriptedKubelet:
    """Starts a pod when a test says so; it mounts nothing."""
    return ScriptedKubelet(Script(starts_after=None, ends_after=None))


@pytest.fixture
def run(
    rig: KubernetesRig, start: Start, client: Client, monkeypatch: pytest.MonkeyPatch
) -> FlowRun:
    """A run whose submitter takes flowenv to be there, which somebody has just removed."""
    monkeypatch.setattr(start_of_runs, "EVENTS_AFTER", 0.1)
    start().cancel()
    [gone] = rig.objects("ConfigMap", label_selector="flowenv.io/kind=runtime")
    rig.delete("ConfigMap", gone["metadata"]["name"])
    run = start()
    name = pod_of(rig, run)
    pod = rig.get("Pod", name)["metadata"]
    now = pod["creationTimestamp"]
    volume = 'MountVolume.SetUp failed for volume "flowenv-runtime"'
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.1", "namespace": "default"},
        "involvedObject": {"kind": "Pod", "name": name, "uid": pod["uid"], "namespace": "default"},
        "type": "Warning",
        "reason": "FailedMount",
        "message": f'{volume} : configmap "{gone["metadata"]["name"]}" not found',
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    client.create(EVENTS, event)
    return run


def test_who_may_not_bring_it_has_no_run_that_waits_for_it(
    rig: KubernetesRig, start: Start, run: FlowRun
) -> None:
    with rig.access.denied("*", "configmaps"):
        status = run.wait(20)
        assert (status.state, status.reason) == (State.CRASHED, Reason.CONFIGURATION)
        assert "needs has been removed. Not allowed to create configmaps" in status.message
        assert 'resources: ["configmaps"]' in status.hint
        rig.wait_until(lambda: not rig.pods_of(name_of(run)), "the pod's end")
        jobs = [one["metadata"]["name"] for one in rig.objects("Job")]
        with pytest.raises(PlatformError, match="Not allowed to create configmaps"):
            start()  # what is missing isn't taken to be there any more
        assert [one["metadata"]["name"] for one in rig.objects("Job")] == jobs
    assert attach(run.reference, run.environment).refresh().state is State.CRASHED


def test_what_somebody_else_has_brought_again_will_do(
    rig: KubernetesRig, client: Client, run: FlowRun
) -> None:
    handle = run.handle
    assert handle
    assert run.spec
    rig.wait_until(lambda: handle.status().hint, "the event")
    bring_runtime(client, run.spec["runtime"], anew=True)
    with rig.access.denied("create", "configmaps"):
        status = next(iter(handle.follow(20)))
    assert (status.state, status.reason) == (State.STARTING, None)
    assert rig.requests.count(verb="create", resource="configmaps", status=403) == 1


def test_what_is_brought_again_is_no_reason(
    rig: KubernetesRig, kubelet: ScriptedKubelet, run: FlowRun
) -> None:
    handle = run.handle
    assert handle
    assert "It is flowenv's own" in rig.wait_until(lambda: handle.status().hint, "a hint")
    seen = []
    for status in handle.follow(20):
        seen.append((status.state, status.reason))
        if status.state is State.RUNNING:
            break
        if rig.objects("ConfigMap"):
            kubelet.run(pod_of(rig, run))
    assert seen == [(State.STARTING, None), (State.RUNNING, None)]
