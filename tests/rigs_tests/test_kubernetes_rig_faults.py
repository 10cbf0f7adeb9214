"""Faults by name: each one's effect, how often it strikes, and that it can be removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes
import pytest
import urllib3
from kubernetes.client.rest import ApiException

from rigs.kubernetes import (
    KubernetesRig,
    Manifest,
    Script,
    ScriptedKubelet,
    Timing,
    UnknownFaultError,
)
from rigs.kubernetes.clients import official_client
from rigs.kubernetes.kubelet import Kubelet
from rigs.kubernetes.manifests import config_map, job, pod, python
from rigs.kubernetes.objects import has_ended

# Their methods also take plain dicts, against their annotations.
client: Any = kubernetes.client
watch: Any = kubernetes.watch

SLEEP = python("import time; print('ready'); time.sleep(600)")


def scripted() -> Kubelet:
    return ScriptedKubelet(Script(ends_after=None, log="one\ntwo\nthree\n"))


@pytest.fixture
def rig() -> Iterator[KubernetesRig]:
    with KubernetesRig(kubelet=scripted(), timing=Timing(image_backoff=0.02)) as rig:
        yield rig


@pytest.fixture(params=[scripted, lambda: None], ids=["scripted", "processes"])
def any_rig(request: pytest.FixtureRequest) -> Iterator[KubernetesRig]:
    """A rig of each kubelet: pods meet the same faults on both."""
    make: Callable[[], Kubelet | None] = request.param
    with KubernetesRig(kubelet=make(), timing=Timing(image_backoff=0.02)) as rig:
        yield rig


@pytest.fixture
def api(rig: KubernetesRig, tmp_path: Path) -> Iterator[Any]:
    with official_client(rig, tmp_path) as api:
        # The client would try again by itself and hide what a fault does.
        api.rest_client.pool_manager.connection_pool_kw["retries"] = False
        yield api


def first_status(found: Manifest) -> Manifest:
    statuses = found["status"].get("containerStatuses") or [{"state": {}}]
    entry: Manifest = statuses[0]
    return entry


def disruption(found: Manifest) -> tuple[str, str]:
    """Return reason and message of the pod's disruption."""
    conditions = found["status"].get("conditions") or []
    disruptions = [item for item in conditions if item["type"] == "DisruptionTarget"]
    return (disruptions[0]["reason"], disruptions[0]["message"]) if disruptions else ("", "")


def run_pod(rig: KubernetesRig, name: str = "pod") -> None:
    rig.apply(pod(SLEEP, name=name, terminationGracePeriodSeconds=0))
    rig.wait_for("Pod", name, lambda pod: pod["status"]["phase"] == "Running")


def test_an_unknown_name_is_an_error_that_lists_the_known_ones(rig: KubernetesRig) -> None:
    with pytest.raises(UnknownFaultError, match="no fault is called 'nope'; there are: answer_lo"):
        rig.faults.inject("nope")


def test_an_unknown_option_is_an_error_that_lists_the_known_ones(rig: KubernetesRig) -> None:
    with pytest.raises(TypeError, match=r"no option \['colour'\]; it has: retry_after"):
        rig.faults.inject("429", colour="red")


def test_a_lost_answer_has_still_created_the_object(rig: KubernetesRig, core: Any) -> None:
    with rig.faults.inject("answer_lost", resource="configmaps") as fault:
        with pytest.raises(urllib3.exceptions.ProtocolError):
            core.create_namespaced_config_map("default", config_map("a"))
    assert fault.hits == 1
    assert rig.find("ConfigMap", "a") is not None
    (lost,) = rig.requests.select(resource="configmaps")
    assert lost.status is None


def test_a_fault_strikes_as_often_as_it_is_told(rig: KubernetesRig, core: Any) -> None:
    rig.faults.inject("500", resource="configmaps", times=2)
    for _ in range(2):
        with pytest.raises(ApiException) as caught:
            core.list_namespaced_config_map("default")
        assert caught.value.status == 500
    assert core.list_namespaced_config_map("default").items == []


def test_a_fault_strikes_what_it_is_about_only(rig: KubernetesRig, core: Any) -> None:
    rig.faults.inject("503", verb="get", resource="configmaps", name="a*", namespace="default")
    rig.apply(config_map("b"))
    assert core.list_namespaced_config_map("default").items
    assert core.read_namespaced_config_map("b", "default")
    with pytest.raises(ApiException) as caught:
        core.read_namespaced_config_map("abc", "default")
    assert caught.value.status == 503
    assert "the server is currently unable to handle the request" in str(caught.value.body)


def test_a_removed_fault_strikes_no_more(rig: KubernetesRig, core: Any) -> None:
    with rig.faults.inject("500", times=None) as fault:
        for _ in range(3):
            with pytest.raises(ApiException):
                core.list_namespaced_config_map("default")
    assert core.list_namespaced_config_map("default").items == []
    assert fault.hits == 3


def test_too_many_requests_say_when_to_come_again(rig: KubernetesRig, core: Any) -> None:
    with rig.faults.inject("429", retry_after=7), pytest.raises(ApiException) as caught:
        core.list_namespaced_config_map("default")
    assert caught.value.status == 429
    assert (caught.value.headers or {})["Retry-After"] == "7"
    # k8s.io/apiserver/pkg/server/filters/maxinflight.go (tooManyRequests)
    assert "Too many requests, please try again later." in str(caught.value.body)


def test_forbidden_by_a_fault_reads_like_a_denial(rig: KubernetesRig, core: Any) -> None:
    with rig.faults.inject("forbidden", verb="list"), pytest.raises(ApiException) as caught:
        core.list_namespaced_config_map("default")
    assert caught.value.status == 403
    assert 'cannot list resource \\"configmaps\\"' in str(caught.value.body)


def test_an_expired_token_is_refused_until_the_new_one_is_read(
    rig: KubernetesRig, core: Any, tmp_path: Path
) -> None:
    rig.faults.inject("token_expired")
    for _ in range(2):
        with pytest.raises(ApiException) as caught:
            core.list_namespaced_config_map("default")
        assert caught.value.status == 401
    configuration: Any = kubernetes.config
    with configuration.new_client_from_config(str(tmp_path / "kubeconfig")) as renewed:
        assert client.CoreV1Api(renewed).list_namespaced_config_map("default").items == []


def stream(core: Any, **query: Any) -> Iterator[dict[str, Any]]:
    """Open one watch of ConfigMaps, without the client's own attempts to go on."""
    response = core.list_namespaced_config_map(
        "default", watch=True, timeout_seconds=10, _preload_content=False, **query
    )
    try:
        yield from watch.watch.iter_resp_lines(response)
    finally:
        response.close()


def test_an_open_watch_is_cut(rig: KubernetesRig, core: Any) -> None:
    rig.apply(config_map("a"))
    lines = stream(core)
    assert '"a"' in next(lines)
    rig.faults.inject("watch_cut", resource="configmaps")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        next(lines)
    rig.wait_until(lambda: not rig.requests.open_watches, "the end of the watch")


def test_a_watch_is_cut_after_some_events(rig: KubernetesRig, core: Any) -> None:
    for name in "abc":
        rig.apply(config_map(name))
    with rig.faults.inject("watch_cut", resource="configmaps", after_events=2) as fault:
        lines = stream(core)
        assert '"a"' in next(lines)
        assert '"b"' in next(lines)
        with pytest.raises(urllib3.exceptions.ProtocolError):
            next(lines)
    assert fault.hits == 1
    assert '"a"' in next(stream(core))


def test_a_watch_is_told_that_its_version_is_gone(rig: KubernetesRig, core: Any) -> None:
    rig.apply(config_map("a"))
    rig.faults.inject("watch_gone", resource="configmaps", after_events=1)
    first, second = list(stream(core))
    assert '"ADDED"' in first
    assert '"ERROR"' in second
    assert '"code": 410' in second


def test_a_log_is_cut_after_some_lines(rig: KubernetesRig, core: Any) -> None:
    run_pod(rig)
    rig.faults.inject("log_cut", name="pod", after_lines=2)
    response = core.read_namespaced_pod_log("pod", "default", follow=True, _preload_content=False)
    lines = iter(response)
    assert [next(lines), next(lines)] == [b"one\n", b"two\n"]
    with pytest.raises(urllib3.exceptions.ProtocolError):
        next(lines)
    assert core.read_namespaced_pod_log("pod", "default") == "one\ntwo\nthree\n"


def test_an_open_log_is_cut(rig: KubernetesRig, core: Any) -> None:
    run_pod(rig)
    response = core.read_namespaced_pod_log("pod", "default", follow=True, _preload_content=False)
    lines = iter(response)
    assert [next(lines) for _ in range(3)] == [b"one\n", b"two\n", b"three\n"]
    rig.faults.inject("log_cut").wait_until_hit()
    with pytest.raises(urllib3.exceptions.ProtocolError):
        next(lines)


def test_an_image_cannot_be_pulled_until_the_fault_is_removed(any_rig: KubernetesRig) -> None:
    def waits(found: Manifest) -> bool:
        waiting = first_status(found)["state"].get("waiting") or {}
        return waiting.get("reason") == "ImagePullBackOff"

    fault = any_rig.faults.inject("image_pull", label_selector="app=a")
    any_rig.apply(pod(SLEEP, labels={"app": "a"}))
    any_rig.wait_for("Pod", "pod", waits)
    fault.remove()
    any_rig.wait_for("Pod", "pod", lambda pod: pod["status"]["phase"] == "Running")
    assert fault.hits == 1


def test_a_pod_cannot_be_scheduled_until_the_fault_is_removed(any_rig: KubernetesRig) -> None:
    with any_rig.faults.inject("unschedulable"):
        any_rig.apply(pod(SLEEP))
        found = any_rig.wait_for("Pod", "pod", lambda pod: pod["status"].get("conditions"))
        (condition,) = found["status"]["conditions"]
        assert condition["reason"] == "Unschedulable"
        assert condition["message"].startswith("0/1 nodes are available: 1 Insufficient memory.")
    any_rig.wait_for("Pod", "pod", lambda pod: pod["status"]["phase"] == "Running")


def test_a_container_is_killed_for_memory(any_rig: KubernetesRig) -> None:
    run_pod(any_rig)
    any_rig.faults.inject("oom_kill")
    found = any_rig.wait_for("Pod", "pod", has_ended)
    ended = first_status(found)["state"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


def test_a_fault_waits_for_a_pod_that_it_can_strike(any_rig: KubernetesRig) -> None:
    fault = any_rig.faults.inject("oom_kill", name="second")
    run_pod(any_rig, "first")
    any_rig.apply(pod(SLEEP, name="second"))
    any_rig.wait_for("Pod", "second", has_ended)
    assert any_rig.get("Pod", "first")["status"]["phase"] == "Running"
    assert fault.hits == 1


def test_an_evicted_pod_stays_without_container_statuses(any_rig: KubernetesRig) -> None:
    run_pod(any_rig)
    any_rig.faults.inject("evicted")
    found = any_rig.wait_for("Pod", "pod", has_ended)
    status = found["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "Evicted")
    assert "containerStatuses" not in status
    # pkg/kubelet/eviction/helpers.go (nodeLowMessageFmt)
    assert status["message"].startswith("The node was low on resource: memory. ")
    assert disruption(found)[0] == "TerminationByKubelet"


def test_a_preempted_pod_says_so_and_goes(any_rig: KubernetesRig) -> None:
    held = pod(SLEEP, terminationGracePeriodSeconds=0)
    held["metadata"]["finalizers"] = ["example.org/hold"]
    any_rig.apply(held)
    any_rig.wait_for("Pod", "pod", lambda pod: pod["status"]["phase"] == "Running")
    any_rig.faults.inject("preempted")
    found = any_rig.wait_for("Pod", "pod", lambda pod: "deletionTimestamp" in pod["metadata"])
    # pkg/scheduler/framework/preemption/preemption.go
    words = "default-scheduler: preempting to accommodate a higher priority pod"
    assert disruption(found) == ("PreemptionByScheduler", words)


def test_the_pod_of_a_lost_node_is_removed(any_rig: KubernetesRig) -> None:
    held = pod(SLEEP)
    held["metadata"]["finalizers"] = ["example.org/hold"]
    any_rig.apply(held)
    any_rig.wait_for("Pod", "pod", lambda pod: pod["status"]["phase"] == "Running")
    any_rig.faults.inject("node_lost")
    found = any_rig.wait_for("Pod", "pod", has_ended)
    # pkg/controller/podgc/gc_controller.go
    assert disruption(found) == ("DeletionByPodGC", "PodGC: node no longer exists")
    assert "deletionTimestamp" in found["metadata"]


def test_a_job_whose_node_is_lost_fails(any_rig: KubernetesRig) -> None:
    any_rig.faults.inject("node_lost", label_selector="job-name=job")
    any_rig.apply(job(SLEEP))
    found = any_rig.wait_for("Job", "job", has_ended)
    assert found["status"]["failed"] == 1


def test_a_job_is_deleted_from_outside_while_it_runs(any_rig: KubernetesRig) -> None:
    with any_rig.faults.inject("job_deleted", name="job") as fault:
        any_rig.apply(job(SLEEP, pod_spec={"terminationGracePeriodSeconds": 0}))
        fault.wait_until_hit()
        any_rig.wait_gone("Job", "job")
        any_rig.wait_until(lambda: not any_rig.pods_of("job"), "no pods")


@pytest.mark.parametrize("scripted", [True, False])
def test_a_container_can_be_lost_without_a_trace(scripted: bool) -> None:
    kubelet = ScriptedKubelet(Script(ends_after=None)) if scripted else None
    with KubernetesRig(kubelet=kubelet) as rig:
        rig.faults.inject("status_unknown")
        rig.apply(job(SLEEP))
        found = rig.wait_for("Job", "job", has_ended)
        assert found["status"]["conditions"][-1]["reason"] == "BackoffLimitExceeded"
        (pod,) = rig.pods_of("job")
        ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
        assert (ended["reason"], ended["exitCode"]) == ("ContainerStatusUnknown", 137)
