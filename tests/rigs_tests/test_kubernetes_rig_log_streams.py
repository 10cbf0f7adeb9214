"""Standard output and standard error of one container, in one log."""

from __future__ import annotations

import urllib3

from rigs.kubernetes import KubernetesRig, Timing
from rigs.kubernetes.log_files import ContainerLog
from rigs.kubernetes.manifests import pod, python
from rigs.kubernetes.objects import has_ended

BOTH = """
import sys, time
for number in range(20):
    print("out", number, flush=True)
    print("err", number, file=sys.stderr, flush=True)
    time.sleep(0.002)
"""


def stamped(rig: KubernetesRig, name: str, **query: str) -> list[tuple[str, str]]:
    """Return stamps and texts of a pod's log."""
    url = f"{rig.url}/api/v1/namespaces/default/pods/{name}/log"
    answer = urllib3.request("GET", url, fields={"timestamps": "true", **query})
    pairs = (line.split(" ", 1) for line in answer.data.decode().splitlines())
    return [(stamp, text) for stamp, text in pairs]


def test_a_line_can_carry_an_earlier_stamp_than_the_one_before_it() -> None:
    with KubernetesRig(timing=Timing(log_skew=0.05)) as rig:
        rig.apply(pod(python(BOTH)))
        rig.wait_for("Pod", "pod", has_ended)
        found = stamped(rig, "pod")
    stamps = [stamp for stamp, _ in found]
    assert stamps != sorted(stamps)
    # each stream by itself is in order, and complete
    for stream in ("out", "err"):
        lines = [(stamp, text) for stamp, text in found if text.startswith(stream)]
        assert [text for _, text in lines] == [f"{stream} {number}" for number in range(20)]
        assert [stamp for stamp, _ in lines] == sorted(stamp for stamp, _ in lines)


def test_since_looks_at_the_stamp_of_each_line() -> None:
    """As the kubelet's ``logWriter`` does (``pkg/kubelet/kuberuntime/logs``)."""
    with KubernetesRig(timing=Timing(log_skew=3600)) as rig:
        rig.apply(pod(python(BOTH)))
        rig.wait_for("Pod", "pod", has_ended)
        found = stamped(rig, "pod", sinceSeconds="1800")
    assert [text for _, text in found] == [f"out {number}" for number in range(20)]


def test_each_stream_finishes_its_own_lines() -> None:
    log = ContainerLog()
    log.write(b"half ", "stdout")
    log.write(b"an error\nand ", "stderr")
    log.write(b"a line\n", "stdout")
    log.close()
    assert [line.text for line in log.lines] == [b"an error\n", b"half a line\n", b"and "]
