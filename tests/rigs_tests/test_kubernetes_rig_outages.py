"""Outages of the API server and of the kubelet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes
import pytest
import urllib3
from kubernetes.client.rest import ApiException

from rigs.kubernetes import KubernetesRig
from rigs.kubernetes.clients import official_client, refusal
from rigs.kubernetes.manifests import pod, python
from rigs.kubernetes.objects import has_ended, is_true

# Writes a line, waits for a file and writes another one.
TWO_LINES = """
import pathlib, time
print("one", flush=True)
while not pathlib.Path({path!r}).exists():
    time.sleep(0.01)
print("two", flush=True)
"""
client: Any = kubernetes.client


@pytest.fixture
def rig() -> Iterator[KubernetesRig]:
    with KubernetesRig() as rig:
        yield rig


def started(rig: KubernetesRig, code: str, name: str = "pod") -> None:
    rig.apply(pod(python(code), name=name))
    rig.wait_until(lambda: rig.find("Pod", name) and rig.log(name), "a first line")
    rig.wait_for("Pod", name, lambda found: found["status"]["phase"] == "Running")


def following(rig: KubernetesRig) -> Iterator[bytes]:
    url = f"{rig.url}/api/v1/namespaces/default/pods/pod/log?follow=true"
    return iter(urllib3.request("GET", url, preload_content=False, retries=False))


def test_without_the_api_server_connections_are_cut_and_refused(
    rig: KubernetesRig, tmp_path: Path
) -> None:
    started(rig, TWO_LINES.format(path=str(tmp_path / "go")))
    lines = following(rig)
    watching = urllib3.request(
        "GET", f"{rig.url}/api/v1/pods?watch=1", preload_content=False, retries=False
    )
    assert next(lines) == b"one\n"
    with rig.faults.inject("api_down"):
        with pytest.raises(urllib3.exceptions.HTTPError):
            list(lines)
        with pytest.raises(urllib3.exceptions.HTTPError):
            list(watching)
        for url in (rig.url, rig.tls_url):
            with pytest.raises(urllib3.exceptions.HTTPError, match="Connection refused"):
                urllib3.request("GET", f"{url}/version", retries=False)


def test_an_api_server_that_hangs_goes_on_where_it_was(rig: KubernetesRig, tmp_path: Path) -> None:
    started(rig, TWO_LINES.format(path=str(tmp_path / "go")))
    lines = following(rig)
    url = f"{rig.url}/api/v1/namespaces/default/pods"
    listed = urllib3.request("GET", url).json()
    version = listed["metadata"]["resourceVersion"]
    watching = urllib3.request(
        "GET", f"{url}?watch=1&resourceVersion={version}", preload_content=False, retries=False
    )
    assert next(lines) == b"one\n"
    with rig.faults.inject("api_silent"):
        (tmp_path / "go").touch()
        rig.wait_until(lambda: rig.log("pod") == "one\ntwo\n", "the second line")
        with pytest.raises(urllib3.exceptions.ReadTimeoutError):
            urllib3.request("GET", f"{rig.url}/version", retries=False, timeout=0.2)
        assert rig.get("Pod", "pod")["status"]["phase"] == "Running"
    assert list(lines) == [b"two\n"]
    assert any(b"Succeeded" in line for line in watching)
    watching.close()


def test_an_api_server_that_is_back_answers_at_the_same_place(
    rig: KubernetesRig, core: Any, tmp_path: Path
) -> None:
    url, tls_url = rig.url, rig.tls_url
    version = core.list_namespaced_pod("default").metadata.resource_version
    for _ in range(2):
        with rig.faults.inject("api_down"):
            pass
        assert (rig.url, rig.tls_url) == (url, tls_url)
        assert urllib3.request("GET", f"{url}/healthz", retries=False).data == b"ok"
        with official_client(rig, tmp_path, tls=True) as api:
            assert client.CoreV1Api(api).list_namespace().items
    # its watch cache begins anew
    watch = kubernetes.watch.Watch()
    with pytest.raises(ApiException) as caught:
        next(watch.stream(core.list_namespaced_pod, "default", resource_version=version))
    assert caught.value.status == 410


def test_containers_go_on_without_the_api_server_and_are_reported_later(
    rig: KubernetesRig, tmp_path: Path
) -> None:
    started(rig, TWO_LINES.format(path=str(tmp_path / "go")))
    with rig.faults.inject("api_down"):
        (tmp_path / "go").touch()
        rig.wait_until(lambda: rig.log("pod") == "one\ntwo\n", "the second line")
        assert rig.get("Pod", "pod")["status"]["phase"] == "Running"
    rig.wait_for("Pod", "pod", has_ended)
    url = f"{rig.url}/api/v1/namespaces/default/pods/pod/log"
    assert urllib3.request("GET", url).data == b"one\ntwo\n"


def test_without_the_kubelet_there_are_no_logs_and_who_follows_one_sees_it_end(
    rig: KubernetesRig, core: Any, tmp_path: Path
) -> None:
    started(rig, TWO_LINES.format(path=str(tmp_path / "go")))
    lines = following(rig)
    assert next(lines) == b"one\n"
    with rig.faults.inject("kubelet_down"):
        # no error, as if the container had ended
        assert list(lines) == []
        with pytest.raises(ApiException) as caught:
            core.read_namespaced_pod_log("pod", "default", follow=True)
        assert caught.value.status == 500
        assert refusal(caught.value)["message"] == (
            'Get "https://127.0.0.1:10250/containerLogs/default/pod/main?follow=true": '
            "dial tcp 127.0.0.1:10250: connect: connection refused"
        )
        (tmp_path / "go").touch()
        rig.wait_until(lambda: rig.log("pod") == "one\ntwo\n", "the second line")
        assert core.read_namespaced_pod("pod", "default").status.phase == "Running"
    rig.wait_for("Pod", "pod", has_ended)
    # a kubelet that was just started doesn't know its pods; seen on 1.36
    with pytest.raises(ApiException) as caught:
        core.read_namespaced_pod_log("pod", "default")
    assert caught.value.status == 404
    assert core.read_namespaced_pod_log("pod", "default") == "one\ntwo\n"


def test_a_node_whose_silence_is_noticed_is_not_ready_and_its_pods_stay(
    rig: KubernetesRig, core: Any
) -> None:
    started(rig, "import time\nprint('up', flush=True)\ntime.sleep(600)")
    rig.wait_for("Pod", "pod", lambda pod: is_true(pod, "Ready"))
    with rig.faults.inject("kubelet_down", noticed=True):
        (node,) = core.list_node().items
        assert node.spec.taints[0].effect == "NoSchedule"
        assert not is_true(node.to_dict(), "Ready")
        found = rig.get("Pod", "pod")
        assert not is_true(found, "Ready")
        assert is_true(found, "ContainersReady")
        assert found["status"]["phase"] == "Running"
        events = [one.reason for one in core.list_namespaced_event("default").items]
        assert "NodeNotReady" in events
    assert is_true(rig.get("Pod", "pod"), "Ready")
    assert core.list_node().items[0].spec.taints is None


def test_without_the_kubelet_nothing_starts_and_a_deleted_pod_stays(rig: KubernetesRig) -> None:
    started(rig, "import time\nprint('up', flush=True)\ntime.sleep(600)")
    with rig.faults.inject("kubelet_down"):
        rig.apply(pod(name="late"))
        rig.delete("Pod", "pod", grace_seconds=1)
        assert "deletionTimestamp" in rig.get("Pod", "pod")["metadata"]
        assert rig.get("Pod", "late")["status"] == {"phase": "Pending"}
    rig.wait_gone("Pod", "pod")
    rig.wait_for("Pod", "late", has_ended)


def test_a_rig_can_be_stopped_during_an_outage() -> None:
    with KubernetesRig() as rig:
        started(rig, "import time\nprint('up', flush=True)\ntime.sleep(600)")
        rig.faults.inject("api_silent")
        rig.faults.inject("api_down")
        rig.faults.inject("kubelet_down")
        rig.delete("Pod", "pod", grace_seconds=1)
