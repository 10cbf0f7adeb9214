"""Logs of containers, as clients read them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes
import pytest
import urllib3
from kubernetes.client.rest import ApiException

from rigs.kubernetes import KubernetesRig, Script, ScriptedKubelet, Timing
from rigs.kubernetes.clients import official_client
from rigs.kubernetes.manifests import container, pod
from rigs.kubernetes.objects import has_ended

# Their methods also take plain dicts, against their annotations.
client: Any = kubernetes.client


@pytest.fixture
def kubelet() -> ScriptedKubelet:
    return ScriptedKubelet(Script(ends_after=None, log="one\ntwo\nthree\n"))


@pytest.fixture
def rig(kubelet: ScriptedKubelet) -> Iterator[KubernetesRig]:
    with KubernetesRig(kubelet=kubelet) as rig:
        rig.apply(pod())
        rig.wait_for("Pod", "pod", lambda pod: pod["status"]["phase"] == "Running")
        yield rig


def log(rig: KubernetesRig, **query: str) -> str:
    """Return the log of the pod for a query that the official client can't make."""
    url = f"{rig.url}/api/v1/namespaces/default/pods/pod/log"
    return urllib3.request("GET", url, fields=query).data.decode()


def message(error: ApiException) -> str:
    return str(error.body)


def test_the_log_is_what_the_container_wrote(core: Any) -> None:
    assert core.read_namespaced_pod_log("pod", "default") == "one\ntwo\nthree\n"


def test_tail_lines_are_the_last_ones(core: Any) -> None:
    assert core.read_namespaced_pod_log("pod", "default", tail_lines=2) == "two\nthree\n"


def test_bytes_can_be_limited(core: Any) -> None:
    assert core.read_namespaced_pod_log("pod", "default", limit_bytes=5) == "one\nt"


def test_timestamps_stand_before_each_line(core: Any) -> None:
    lines = core.read_namespaced_pod_log("pod", "default", timestamps=True).splitlines()
    moments, texts = zip(*(line.split(" ", 1) for line in lines), strict=True)
    assert texts == ("one", "two", "three")
    assert all(len(moment) == len("2026-01-01T00:00:00.000000000Z") for moment in moments)
    assert abs(datetime.datetime.now(datetime.UTC) - _moment(moments[0])).total_seconds() < 60


def test_since_time_leaves_out_earlier_seconds(
    rig: KubernetesRig, kubelet: ScriptedKubelet
) -> None:
    stamped = log(rig, timestamps="true").splitlines()
    last = _moment(stamped[-1].split(" ")[0])
    # The server passes whole seconds on, so all of that second comes again.
    whole = last.replace(microsecond=0)
    assert log(rig, sinceTime=_text(last)) == log(rig, sinceTime=_text(whole))
    later = whole + datetime.timedelta(seconds=5)
    assert log(rig, sinceTime=_text(later)) == ""


def test_since_seconds_reaches_back(core: Any) -> None:
    found = core.read_namespaced_pod_log("pod", "default", since_seconds=60)
    assert found == "one\ntwo\nthree\n"


def test_following_goes_on_until_the_container_ends(core: Any, kubelet: ScriptedKubelet) -> None:
    stream = core.read_namespaced_pod_log(
        "pod", "default", follow=True, tail_lines=1, _preload_content=False
    )
    lines = iter(stream)
    assert next(lines) == b"three\n"
    kubelet.write("pod", "four\n")
    assert next(lines) == b"four\n"
    kubelet.end("pod")
    assert list(lines) == []


def test_several_containers_need_a_choice(rig: KubernetesRig, core: Any) -> None:
    rig.apply(pod(container(name="a"), container(name="b"), name="two"))
    rig.wait_for("Pod", "two", lambda pod: pod["status"]["phase"] == "Running")
    with pytest.raises(ApiException) as caught:
        core.read_namespaced_pod_log("two", "default")
    # pkg/registry/core/pod/strategy.go (LogLocation)
    words = "a container name must be specified for pod two, choose one of: [a b]"
    assert words in message(caught.value)
    assert caught.value.status == 400


def test_a_container_must_be_one_of_the_pods(core: Any) -> None:
    with pytest.raises(ApiException) as caught:
        core.read_namespaced_pod_log("pod", "default", container="x")
    assert "container x is not valid for pod pod" in message(caught.value)


def test_a_container_that_cannot_start_says_why_it_has_no_log(
    rig: KubernetesRig, core: Any
) -> None:
    with rig.faults.inject("image_pull", name="stuck"):
        rig.apply(pod(name="stuck"))
        rig.wait_for("Pod", "stuck", _is_waiting)
        with pytest.raises(ApiException) as caught:
            core.read_namespaced_pod_log("stuck", "default")
    # pkg/kubelet/kubelet_pods.go (validateContainerLogStatus)
    assert 'container \\"main\\" in pod \\"stuck\\" is waiting to start: ' in message(caught.value)
    assert caught.value.status == 400


def test_the_log_before_the_restart_is_the_previous_one(tmp_path: Path) -> None:
    been = tmp_path / "been"
    once = ["sh", "-c", f"test -e {been} && echo second && exit; touch {been}; echo first; exit 1"]
    with KubernetesRig(timing=Timing(crash_backoff=0.01)) as rig:
        rig.apply(pod(container(once), restart_policy="OnFailure"))
        rig.wait_for("Pod", "pod", has_ended)
        with official_client(rig, tmp_path) as api:
            core = client.CoreV1Api(api)
            assert core.read_namespaced_pod_log("pod", "default") == "second\n"
            assert core.read_namespaced_pod_log("pod", "default", previous=True) == "first\n"


def test_without_a_restart_there_is_no_previous_log(core: Any) -> None:
    with pytest.raises(ApiException) as caught:
        core.read_namespaced_pod_log("pod", "default", previous=True)
    assert 'previous terminated container \\"main\\" in pod \\"pod\\"' in message(caught.value)


def _is_waiting(found: dict[str, Any]) -> bool:
    statuses = found["status"].get("containerStatuses") or []
    return bool(statuses and statuses[0]["state"]["waiting"]["reason"].endswith("BackOff"))


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text[:26] + "+00:00")


def _text(moment: datetime.datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
