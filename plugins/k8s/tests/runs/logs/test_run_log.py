"""A run's log: live, each line once, through cut streams, restarts and attempts."""

from __future__ import annotations

import pytest

from flowenv import attach
from flowenv.errors import PlatformError
from flowenv.plugin import FlowRun
from flowenv_k8s.runs.logs import run_log
from on_kubernetes.job_runs import pod_of
from on_kubernetes.log_reader import Reader
from rigs.kubernetes import KubernetesRig, ScriptedKubelet


def test_lines_come_while_the_run_goes_on(
    kubelet: ScriptedKubelet, reader: Reader, pod: str
) -> None:
    kubelet.write(pod, "one\n")
    reader.saw("one")
    kubelet.write(pod, "two\nthree\n")
    kubelet.end(pod)
    assert reader.all() == ["one", "two", "three"]


@pytest.mark.parametrize("after", [0, 1, 3, 7])
def test_a_cut_stream_loses_and_repeats_nothing(
    after: int, rig: KubernetesRig, kubelet: ScriptedKubelet, run: FlowRun
) -> None:
    reader, pod = Reader(run, rig), pod_of(rig, run)
    wanted = [f"line {n}" for n in range(20)]
    with rig.faults.inject("log_cut", after_lines=after, times=3) as cut:
        kubelet.run(pod)
        for line in wanted:  # several with one timestamp, others with their own
            kubelet.write(pod, f"{line}\n")
        cut.wait_until_hit()
        reader.saw(wanted[-1])
        kubelet.end(pod)
        assert reader.all() == wanted


def test_lines_of_one_moment_are_told_apart(
    rig: KubernetesRig, kubelet: ScriptedKubelet, run: FlowRun
) -> None:
    reader, pod = Reader(run, rig), pod_of(rig, run)
    with rig.faults.inject("log_cut", after_lines=5, times=2):
        kubelet.run(pod)
        kubelet.write(pod, "same\n" * 12)  # one write has one timestamp
        rig.wait_until(lambda: len(reader.lines) == 12, "all lines")
        kubelet.end(pod)
        assert reader.all() == ["same"] * 12


def test_a_last_line_without_an_end_is_read(
    kubelet: ScriptedKubelet, reader: Reader, pod: str
) -> None:
    kubelet.write(pod, "one\nlast words")
    kubelet.end(pod)
    assert reader.all() == ["one", "last words"]


def test_lines_keep_blanks_and_odd_characters(
    kubelet: ScriptedKubelet, reader: Reader, pod: str
) -> None:
    kubelet.write(pod, "  indented \n\n50%\r100%\n2026-11-22 no stamp\n")
    kubelet.end(pod)
    assert reader.all() == ["  indented ", "", "50%\r100%", "2026-11-22 no stamp"]


def test_without_following_the_lines_that_there_are_come(
    rig: KubernetesRig, kubelet: ScriptedKubelet, run: FlowRun
) -> None:
    assert list(run.logs()) == []
    pod = pod_of(rig, run)
    kubelet.run(pod)
    kubelet.write(pod, "one\n")
    assert list(run.logs()) == ["one"]
    kubelet.end(pod)
    assert list(attach(run.reference, run.environment).logs()) == ["one"]


def test_a_cancelled_run_ends_the_log(
    kubelet: ScriptedKubelet, run: FlowRun, reader: Reader, pod: str
) -> None:
    kubelet.write(pod, "one\n")
    reader.saw("one")
    run.cancel()
    assert reader.all() == ["one"]


def test_a_run_that_never_starts_has_an_empty_log(rig: KubernetesRig, run: FlowRun) -> None:
    reader = Reader(run, rig)
    pod_of(rig, run)
    run.cancel()
    assert reader.all() == []


def test_an_end_that_cannot_be_read_is_an_error(
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    run: FlowRun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_log, "_TRIED", 0.3)
    pod = pod_of(rig, run)
    kubelet.run(pod)
    kubelet.write(pod, "one\ntwo\n")
    kubelet.end(pod)
    with rig.faults.inject("log_cut", times=None), pytest.raises(PlatformError, match="log of"):
        list(run.logs())


def test_a_log_that_is_forbidden_shows_the_rule(
    rig: KubernetesRig, kubelet: ScriptedKubelet, run: FlowRun
) -> None:
    kubelet.run(pod_of(rig, run))
    with rig.access.denied("get", "pods/log"), pytest.raises(PlatformError) as caught:
        list(run.logs())
    assert 'resources: ["pods/log"]' in caught.value.hint
