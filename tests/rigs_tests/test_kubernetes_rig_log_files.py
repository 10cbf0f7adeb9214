"""Files of a container's log: what is served after a rotation, and what can't be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from rigs.kubernetes import KubernetesRig, Script, ScriptedKubelet, Timing
from rigs.kubernetes.manifests import pod, python
from rigs.kubernetes.objects import has_ended

MANY = """
import time
for number in range(3000):
    print("line", number, flush=True)
    if number % 10 == 0:
        time.sleep(0.001)
"""


@pytest.fixture
def kubelet() -> ScriptedKubelet:
    return ScriptedKubelet(Script(ends_after=None, log="one\ntwo\n"))


@pytest.fixture
def rig(kubelet: ScriptedKubelet) -> Iterator[KubernetesRig]:
    with KubernetesRig(kubelet=kubelet) as rig:
        rig.apply(pod())
        rig.wait_for("Pod", "pod", lambda pod: pod["status"]["phase"] == "Running")
        yield rig


def log_of(rig: KubernetesRig, **query: str) -> Any:
    """Return the answer to a request for the pod's log."""
    url = f"{rig.url}/api/v1/namespaces/default/pods/pod/log"
    follows = query.get("follow") == "true"
    return urllib3.request("GET", url, fields=query, preload_content=not follows)


def test_after_a_rotation_a_new_request_gets_only_the_newest_file(
    rig: KubernetesRig, kubelet: ScriptedKubelet
) -> None:
    rig.rotate_log("pod")
    assert log_of(rig).data == b""
    kubelet.write("pod", "three\n")
    assert log_of(rig).data == b"three\n"
    assert log_of(rig, tailLines="10").data == b"three\n"
    assert log_of(rig, sinceSeconds="3600").data == b"three\n"


def test_who_was_following_before_a_rotation_gets_everything(
    rig: KubernetesRig, kubelet: ScriptedKubelet
) -> None:
    following = iter(log_of(rig, follow="true"))
    assert [next(following), next(following)] == [b"one\n", b"two\n"]
    kubelet.write("pod", "three\n")
    rig.rotate_log("pod")
    kubelet.write("pod", "four\n")
    assert [next(following), next(following)] == [b"three\n", b"four\n"]
    kubelet.end("pod")
    assert list(following) == []


def test_a_log_is_rotated_when_it_is_large() -> None:
    with KubernetesRig(log_file_bytes=4096, timing=Timing(log_rotation=0.01)) as rig:
        rig.apply(pod(python(MANY)))
        rig.wait_until(lambda: rig.find("Pod", "pod") and rig.log("pod"), "a first line")
        following = iter(log_of(rig, follow="true"))
        first = next(following)
        followed = [first, *following]
        rig.wait_for("Pod", "pod", has_ended)
        whole, served = rig.log("pod"), log_of(rig).data.decode()
    assert len(whole.splitlines()) == 3000
    assert 0 < len(served) < len(whole)
    assert whole.endswith(served)
    # the rest of what was there when it began to follow, and each line from then on
    assert whole.encode().endswith(b"".join(followed))
    assert len(followed) > len(served.splitlines())


def test_who_follows_too_slowly_misses_the_files_in_between() -> None:
    with KubernetesRig(log_file_bytes=1_000_000, timing=Timing(log_rotation=0.0)) as rig:
        line = "x" * 999
        rig.apply(pod(python(f"for n in range(60000): print(n, {line!r})")))
        rig.wait_until(lambda: rig.find("Pod", "pod") and rig.log("pod"), "a first line")
        answer = log_of(rig, follow="true")  # and nobody reads it
        rig.wait_for("Pod", "pod", has_ended)
        numbers = [int(found.split()[0]) for found in answer]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 59999
    assert len(numbers) < 60000 - numbers[0]


def test_right_after_its_end_a_container_may_have_no_log_that_can_be_read(
    rig: KubernetesRig,
) -> None:
    with rig.faults.inject("log_unretrievable", name="pod", times=2):
        for query in ({}, {"follow": "true", "timestamps": "true"}):
            answer = log_of(rig, **query)
            said = answer.data if not query else answer.read()
            assert answer.status == 200
            assert said.startswith(b"unable to retrieve container logs for containerd://")
        assert log_of(rig).data == b"one\ntwo\n"
