"""How runs end on Kubernetes: what is said of them, by whoever asks, now and later.

On the Kubernetes rig; on a real cluster when `FLOWENV_TEST_KUBECONFIG` and `FLOWENV_TEST_IMAGE`
are set.
"""

from __future__ import annotations

import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import flowenv
from flowenv.errors import ResultUnavailable
from flowenv.flows.finding import find_flow
from flowenv.plugin import FlowRun, Reason, State, Status
from flowenv_k8s import KubernetesJobEnvironment
from flowenv_k8s.runs import cancellation
from on_kubernetes.clean_slate import clean_slate
from on_kubernetes.cluster_under_test import (
    IMAGE,
    KUBECONFIG,
    PATIENCE,
    ClusterUnderTest,
    cluster_under_test,
    needs_the_rig,
)
from rigs.kubernetes import Image, KubernetesRig

FLOWS = """
    import os, time
    from flowenv import flow

    @flow
    def vanish():
        os._exit(0)

    @flow
    def large():
        return "x" * 3900

    @flow
    def fail():
        raise ValueError("no data for today " * 200)

    @flow
    def wait():
        print("waiting", flush=True)
        open("waits", "w").close()
        time.sleep(600)

    @flow
    def clean_up():
        print("waiting", flush=True)
        try:
            time.sleep(600)
        finally:
            time.sleep(1.5)
            print("cleaned up", flush=True)
"""
Submit = Callable[..., FlowRun]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    with clean_slate(monkeypatch, tmp_path):
        yield


@pytest.fixture(scope="module")
def rig() -> Iterator[KubernetesRig | None]:
    if KUBECONFIG:
        yield None
        return
    with KubernetesRig(images={IMAGE: Image()}) as made:
        yield made


@pytest.fixture
def cluster(
    rig: KubernetesRig | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ClusterUnderTest]:
    with cluster_under_test(rig, tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def submit(cluster: ClusterUnderTest, tmp_path: Path) -> Iterator[Submit]:
    """Submits a flow of the above; its Job is removed at the end."""
    path = tmp_path / "ending_flows.py"
    path.write_text(textwrap.dedent(FLOWS))
    runs: list[FlowRun] = []

    def submit(name: str, **settings: Any) -> FlowRun:
        environment = KubernetesJobEnvironment(**{"metadata": {"image": IMAGE}, **settings})
        runs.append(flowenv.submit(find_flow(f"{path}:{name}"), environment=environment))
        return runs[-1]

    yield submit
    for run in runs:
        cluster.delete("Job", run.reference.partition("/")[2])


def name_of(run: FlowRun) -> str:
    return run.reference.partition("/")[2]


def pods_of(cluster: ClusterUnderTest, run: FlowRun) -> list[str]:
    return cluster.names("Pod", f"flowenv.io/run-id={run.id}")


def is_without_pods(cluster: ClusterUnderTest, run: FlowRun) -> bool:
    return not pods_of(cluster, run)


def running(run: FlowRun) -> FlowRun:
    """Follow a run until its flow is waiting."""
    next(line for line in run.logs(follow=True) if line == "waiting")
    return run


def said_by_all(run: FlowRun, act: Callable[[], object]) -> tuple[Status, ...]:
    """What a follower, another one, and who asks later say of a run that something ends.

    Args:
        run: the run.
        act: what ends it.
    """
    seen: list[Status] = []
    others = [flowenv.attach(run.reference, run.environment) for _ in range(2)]
    followers = [threading.Thread(target=lambda r=r: seen.append(r.wait(PATIENCE))) for r in others]
    for thread in followers:
        thread.start()
    act()
    for thread in followers:
        thread.join(PATIENCE)
    return (*seen, run.wait(PATIENCE))


def later(run: FlowRun) -> FlowRun:
    """The run as somebody finds it who wasn't there."""
    return flowenv.attach(run.reference, run.environment)


def in_pod(**spec: Any) -> dict[str, Any]:
    """A Job's manifest with these fields of the pod."""
    return {"spec": {"template": {"spec": spec}}}


def others(count: int) -> list[dict[str, Any]]:
    """Init containers that end at once."""
    one = {"image": IMAGE, "command": ["python", "-c", "pass"]}
    return [{**one, "name": f"init-{index}"} for index in range(count)]


# -- what comes back ---------------------------------------------------------------------------


def test_a_process_that_ends_with_0_without_a_word_has_crashed(submit: Submit) -> None:
    run = submit("vanish")
    status = run.wait(PATIENCE)
    assert (status.state, status.reason) == (State.CRASHED, Reason.EXITED)
    assert flowenv.attach(run.reference, run.environment).refresh() == status


def test_of_a_pod_with_many_containers_a_large_result_comes_by_the_log(submit: Submit) -> None:
    run = submit("large", job_spec=in_pod(containers=[{}], initContainers=others(3)))
    assert run.wait(PATIENCE).state is State.COMPLETED
    assert run.result() == "x" * 3900


def test_of_a_pod_with_many_containers_the_flows_error_comes_back(submit: Submit) -> None:
    run = submit("fail", job_spec=in_pod(containers=[{}], initContainers=others(5)))
    status = run.wait(PATIENCE)
    assert (status.state, status.message[:24]) == (State.FAILED, "ValueError: no data for ")


def test_the_users_file_can_not_do_without_the_message_path(submit: Submit) -> None:
    run = submit("large", job_spec=in_pod(containers=[{"terminationMessagePath": None}]))
    assert run.result(PATIENCE) == "x" * 3900


# -- ended by somebody or something -------------------------------------------------------------


@pytest.mark.parametrize("at_once", [False, True])
def test_a_pod_that_somebody_deletes_is_no_cancellation(
    submit: Submit, cluster: ClusterUnderTest, at_once: bool
) -> None:
    run = running(submit("wait"))
    [pod] = pods_of(cluster, run)
    said = said_by_all(run, lambda: cluster.delete("Pod", pod, at_once=at_once))
    for status in (*said, later(run).refresh()):
        assert (status.state, status.reason) == (State.CRASHED, Reason.LOST), status
        assert status.can_retry


@pytest.mark.parametrize("propagation", ["Foreground", "Background"])
def test_a_job_that_somebody_deletes_is_no_cancellation(
    submit: Submit, cluster: ClusterUnderTest, propagation: str
) -> None:
    run = running(submit("wait"))
    said = said_by_all(run, lambda: cluster.delete("Job", name_of(run), propagation=propagation))
    for status in said:
        assert (status.state, status.reason) == (State.CRASHED, Reason.LOST), status


FAIL_ONCE_IT_WAITS = """
import os, time
while not os.path.exists("waits"):
    time.sleep(0.05)
raise SystemExit(1)
"""
"""A command in the flow's container: before that, its process may not hear SIGTERM yet."""


@pytest.mark.parametrize("hook", ["livenessProbe", "postStart"])
def test_what_the_kubelet_stops_is_no_cancellation(submit: Submit, hook: str) -> None:
    fails: dict[str, Any] = {"exec": {"command": ["python", "-c", FAIL_ONCE_IT_WAITS]}}
    flow: dict[str, Any] = (
        {"livenessProbe": {**fails, "failureThreshold": 1, "timeoutSeconds": 60}}
        if hook == "livenessProbe"
        else {"lifecycle": {"postStart": fails}}
    )
    run = submit("wait", job_spec=in_pod(containers=[flow], terminationGracePeriodSeconds=20))
    for status in (run.wait(PATIENCE), later(run).refresh()):
        assert (status.state, status.reason) == (State.CRASHED, Reason.STOPPED), status
        assert (
            "Liveness probe failed" if hook == "livenessProbe" else "PostStart"
        ) in status.message


def test_a_cancellation_is_one_for_everybody(submit: Submit) -> None:
    run = running(submit("wait"))
    canceller = later(run)
    for status in said_by_all(run, canceller.cancel):
        assert status.state is State.CANCELLED, status


# -- what stays -------------------------------------------------------------------------------


@needs_the_rig("only there SIGTERM comes for certain before the flow's process can hear it")
def test_who_cancels_a_run_that_is_just_starting_does_not_wait_for_its_grace(
    submit: Submit, rig: KubernetesRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancellation, "START_GRACE", 1)
    with rig.faults.inject("stopped_at_start") as fault:
        run = submit("wait")
        fault.wait_until_hit()
        began = time.monotonic()
        assert run.cancel().state is State.CANCELLED
    assert time.monotonic() - began < 15  # its grace period is 30 s


def test_who_cancels_a_flow_lets_it_take_its_time_to_clean_up(
    submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancellation, "START_GRACE", 1)
    run = running(submit("clean_up"))
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(run.logs(follow=True)))
    reader.start()
    assert run.cancel().state is State.CANCELLED
    reader.join(PATIENCE)
    assert lines[-1] == "cleaned up"


def test_the_outcome_stays_when_the_pod_goes(submit: Submit, cluster: ClusterUnderTest) -> None:
    failed, large = submit("fail"), submit("large")
    for run in (failed, large):
        run.wait(PATIENCE)
        for pod in pods_of(cluster, run):
            cluster.delete("Pod", pod)
        cluster.wait_until(partial(is_without_pods, cluster, run), "the pod being gone")
    status = later(failed).refresh()
    assert (status.state, status) == (State.FAILED, failed.status)
    assert later(large).result(PATIENCE) == "x" * 3900


def test_where_nobody_saw_the_end_that_is_said(submit: Submit, cluster: ClusterUnderTest) -> None:
    run = submit("large")

    def complete() -> bool:
        jobs = cluster.objects("Job", f"flowenv.io/run-id={run.id}")
        return bool(jobs[0]["status"].get("completionTime"))

    cluster.wait_until(complete, "the Job being complete")
    for pod in pods_of(cluster, run):
        cluster.delete("Pod", pod)
    cluster.wait_until(lambda: not pods_of(cluster, run), "the pod being gone")
    assert run.wait(PATIENCE).state is State.COMPLETED
    with pytest.raises(ResultUnavailable, match="nobody has kept"):
        run.result()


def test_where_nobody_saw_a_failure_the_job_still_tells_it(
    submit: Submit, cluster: ClusterUnderTest
) -> None:
    run = submit("fail")

    def failed() -> bool:
        jobs = cluster.objects("Job", f"flowenv.io/run-id={run.id}")
        return "Failed" in [one["type"] for one in jobs[0]["status"].get("conditions") or ()]

    cluster.wait_until(failed, "the Job having failed")
    for pod in pods_of(cluster, run):
        cluster.delete("Pod", pod)
    cluster.wait_until(partial(is_without_pods, cluster, run), "the pod being gone")
    status = later(run).refresh()
    assert status.state is State.FAILED
    assert "exit code 1" in status.message


# -- what can't start ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"image": "repo/never:1", "image_pull_policy": "Never"},
        {"image": "No Image", "image_pull_policy": "IfNotPresent"},
    ],
)
def test_what_is_given_up_is_over_on_the_cluster_first(
    submit: Submit, cluster: ClusterUnderTest, settings: dict[str, str]
) -> None:
    image = settings.pop("image")
    run = submit("large", metadata={"image": image}, **settings)
    status = run.wait(PATIENCE)
    assert (status.state, status.reason) == (State.CRASHED, Reason.IMAGE_PULL)
    [job] = cluster.objects("Job", f"flowenv.io/run-id={run.id}")
    assert "Failed" in [one["type"] for one in job["status"]["conditions"]]
    assert later(run).refresh() == status


def test_a_container_that_must_not_be_root_and_is_ends_at_once(
    submit: Submit, cluster: ClusterUnderTest
) -> None:
    root = {"runAsNonRoot": True, "runAsUser": 0}
    run = submit("large", job_spec=in_pod(containers=[{}], securityContext=root))
    status = run.wait(PATIENCE)
    assert (status.state, status.reason) == (State.CRASHED, Reason.CONFIGURATION)
    assert "non-root policy" in status.message
    assert "USER 1000" in status.hint
    assert (run.times().total() or 99) < 20
    assert later(run).refresh() == status


def test_looking_changes_nothing(submit: Submit, cluster: ClusterUnderTest) -> None:
    run = submit("large", metadata={"image": "repo/never:1"}, image_pull_policy="Never")
    of_run = f"flowenv.io/run-id={run.id}"
    looked = later(run)
    cluster.wait_until(lambda: looked.refresh().reason is Reason.IMAGE_PULL, "the reason")
    [before] = cluster.objects("Job", of_run)
    assert looked.refresh().state is State.STARTING
    [after] = cluster.objects("Job", of_run)
    assert before["spec"] == after["spec"]
    assert before["metadata"]["annotations"] == after["metadata"]["annotations"]


@pytest.mark.parametrize("held", ["suspended", "gated"])
def test_time_in_which_a_run_is_held_back_does_not_count(
    submit: Submit, cluster: ClusterUnderTest, held: str
) -> None:
    gates = [{"name": "example.com/queue"}] if held == "gated" else []
    manifest = in_pod(containers=[{}], schedulingGates=gates)
    manifest["spec"]["suspend"] = held == "suspended"
    run = submit("large", job_spec=manifest, start_deadline=6)
    ends: list[Status] = []
    follower = threading.Thread(target=lambda: ends.append(run.wait(PATIENCE)))
    follower.start()
    until = time.monotonic() + 8
    cluster.wait_until(lambda: time.monotonic() > until, "more than the deadline")
    assert held in later(run).refresh().message
    if held == "suspended":
        cluster.patch("Job", name_of(run), {"spec": {"suspend": False}})
    else:
        [pod] = pods_of(cluster, run)
        cluster.patch("Pod", pod, {"spec": {"schedulingGates": None}})
    assert later(run).refresh().state is not State.CRASHED
    follower.join(PATIENCE)
    assert ends[0].state is State.COMPLETED
    assert run.result(PATIENCE) == "x" * 3900
    queued = later(run).phases()[0]
    assert (queued.name, queued.seconds() >= 7) == ("queued", True)


def test_what_a_pod_can_not_mount_is_said_at_once(submit: Submit) -> None:
    volume = {"name": "lacks", "secret": {"secretName": "no-such-secret"}}
    flow = {"volumeMounts": [{"name": "lacks", "mountPath": "/lacks"}]}
    run = submit("large", job_spec=in_pod(containers=[flow], volumes=[volume]))
    status = next(one for one in run.follow(PATIENCE) if one.reason)
    assert (status.state, status.reason) == (State.STARTING, Reason.CONFIGURATION)
    assert "no-such-secret" in status.message
    assert "Secret" in status.hint
    assert (run.times().total() or 99) < 20
    run.cancel()


RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def test_what_pod_security_refuses_is_over_at_once_with_its_words(
    submit: Submit, cluster: ClusterUnderTest
) -> None:
    with cluster.other_namespace(RESTRICTED) as namespace:
        run = submit("large", namespace=namespace)
        status = run.wait(PATIENCE)
        assert (status.state, status.reason) == (State.CRASHED, Reason.CONFIGURATION)
        assert 'violates PodSecurity "restricted:latest"' in status.message
        # all else the default Job does by itself
        assert "capabilities" not in status.message
        assert "runAsNonRoot" in status.message
        assert "runAsNonRoot" in status.hint
        assert (run.times().total() or 99) < 20


def test_the_default_job_passes_pod_security_where_the_user_says_who_runs_it(
    submit: Submit, cluster: ClusterUnderTest
) -> None:
    with cluster.other_namespace(RESTRICTED) as namespace:
        pod = in_pod(containers=[{}], securityContext={"runAsUser": 1000})
        assert submit("large", namespace=namespace, job_spec=pod).result(PATIENCE) == "x" * 3900


# -- sidecars ---------------------------------------------------------------------------------


def test_a_sidecar_that_can_not_be_pulled_does_not_hold_the_job(
    submit: Submit, cluster: ClusterUnderTest
) -> None:
    side = {"name": "side", "image": "repo/never:1", "imagePullPolicy": "Never"}
    run = submit("large", job_spec=in_pod(containers=[{}, side]))
    assert run.result(PATIENCE) == "x" * 3900

    def over() -> bool:
        jobs = cluster.objects("Job", f"flowenv.io/run-id={run.id}")
        return bool(jobs[0]["status"].get("conditions"))

    cluster.wait_until(over, "the Job's end")


def test_a_sidecar_that_fails_is_not_the_flow(submit: Submit, cluster: ClusterUnderTest) -> None:
    side = {"name": "side", "image": IMAGE, "command": ["python", "-c", "raise SystemExit(5)"]}
    run = submit("large", job_spec=in_pod(containers=[{}, side]))
    assert run.wait(PATIENCE).state is State.COMPLETED

    def over() -> bool:
        jobs = cluster.objects("Job", f"flowenv.io/run-id={run.id}")
        return bool(jobs[0]["status"].get("conditions"))

    cluster.wait_until(over, "the Job's end")
    assert later(run).result(PATIENCE) == "x" * 3900
