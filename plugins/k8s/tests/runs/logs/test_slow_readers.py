"""Whoever takes a log's lines slowly gets all of them, though Kubernetes doesn't keep them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowenv import submit
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment
from flowenv_k8s.runs.logs.read_ahead import Kept
from on_kubernetes.job_runs import pod_of
from rigs.kubernetes import KubernetesRig, ScriptedKubelet

FILE = 200_000


@pytest.fixture
def rig(
    kubelet: ScriptedKubelet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KubernetesRig]:
    with KubernetesRig(kubelet=kubelet, log_file_bytes=FILE) as rig:
        monkeypatch.setenv("KUBECONFIG", str(rig.kubeconfig(tmp_path / "kubeconfig")))
        yield rig


def test_a_slow_reader_misses_nothing(
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    environment: Callable[..., KubernetesJobEnvironment],
) -> None:
    run = submit(flows.add, environment=environment(), parameters={"a": 1})
    pod = pod_of(rig, run)
    kubelet.run(pod)
    kubelet.write(pod, "first\n")
    lines = iter(run.logs(follow=True))
    assert next(lines) == "first"
    # and nobody asks for more while the log's files go by: 20 MB, a hundred files
    written = [f"{number} {'x' * 990}" for number in range(20_000)]
    for start in range(0, len(written), 100):
        kubelet.write(pod, "\n".join(written[start : start + 100]) + "\n")
        kubelet.wait_until_log_is_sent(pod)  # only a file that goes by meanwhile would be missed
    kubelet.end(pod)
    assert list(lines) == written


def test_what_is_kept_comes_in_its_order_from_memory_and_from_the_file() -> None:
    kept = Kept(in_memory=10)
    taken = b""
    for round_ in range(5):
        for number in range(7):
            kept.put(b"%d%d " % (round_, number))
        taken += (kept.get(0) or b"") + (kept.get(0) or b"")
    kept.end()
    while chunk := kept.get(0):
        taken += chunk
    assert taken == b"".join(b"%d%d " % (r, n) for r in range(5) for n in range(7))
    kept.close()


def test_the_error_of_a_cut_stream_comes_after_what_was_kept() -> None:
    kept = Kept()
    kept.put(b"one")
    kept.end(ConnectionError("cut"))
    assert kept.get(0) == b"one"
    with pytest.raises(ConnectionError, match="cut"):
        kept.get(0)


def test_without_news_nothing_comes_in_time() -> None:
    assert Kept().get(0) is None
