"""Lines of two streams, which are stamped each by itself, through cuts and rotations."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowenv.plugin import FlowRun
from flowenv_k8s.runs.logs.container_log import LINES_MISSING
from flowenv_k8s.runs.logs.shown_lines import MARGIN, ShownLines
from flowenv_k8s.runs.logs.stamps import SECOND
from on_kubernetes.current_context import pointing_to
from on_kubernetes.log_reader import Reader
from rigs.kubernetes import KubernetesRig, ScriptedKubelet, Timing


@pytest.fixture(scope="module")
def shared_rig(kubelet: ScriptedKubelet) -> Iterator[KubernetesRig]:
    with KubernetesRig(kubelet=kubelet, timing=Timing(log_skew=2.5)) as rig:
        yield rig


@pytest.fixture
def rig(
    shared_rig: KubernetesRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KubernetesRig]:
    with pointing_to(shared_rig, tmp_path, monkeypatch) as rig:
        yield rig


def write_both(kubelet: ScriptedKubelet, pod: str, first: int, count: int) -> list[str]:
    """Write to both streams by turns; the second is stamped 2.5 s too early."""
    written = []
    for number in range(first, first + count):
        kubelet.write(pod, f"out {number}\n", stream="stdout")
        kubelet.write(pod, f"err {number}\n", stream="stderr")
        written += [f"out {number}", f"err {number}"]
    return written


def test_no_line_of_an_uncut_stream_is_dropped(
    kubelet: ScriptedKubelet, run: FlowRun, reader: Reader, pod: str
) -> None:
    written = write_both(kubelet, pod, 0, 50)
    kubelet.end(pod)
    assert reader.all() == written
    assert list(run.logs()) == written


@pytest.mark.parametrize("after", [0, 1, 2, 5, 8])
def test_after_a_cut_exactly_what_was_shown_is_skipped(
    after: int, rig: KubernetesRig, kubelet: ScriptedKubelet, reader: Reader, pod: str
) -> None:
    with rig.faults.inject("log_cut", after_lines=after, times=4) as cut:
        written = write_both(kubelet, pod, 0, 20)
        cut.wait_until_hit()
        rig.wait_until(lambda: cut.hits == 4, "all cuts")
        written += write_both(kubelet, pod, 20, 20)
        reader.saw(written[-1])
        kubelet.end(pod)
    assert reader.all() == written


def test_lines_of_a_moment_and_then_lines_of_another_one(
    rig: KubernetesRig, kubelet: ScriptedKubelet, reader: Reader, pod: str
) -> None:
    with rig.faults.inject("log_cut", after_lines=4, times=1) as cut:
        kubelet.write(pod, "a\nb\nc\nd\n")
        cut.wait_until_hit()
    kubelet.write(pod, "e\nf\ng\nh\n")
    kubelet.end(pod)
    assert reader.all() == list("abcdefgh")


def test_lines_that_a_rotation_during_a_cut_may_have_taken_are_spoken_of(
    rig: KubernetesRig, kubelet: ScriptedKubelet, reader: Reader, pod: str
) -> None:
    kubelet.write(pod, "one\n")
    reader.saw("one")
    with rig.faults.inject("log_cut", after_lines=0, times=None):
        kubelet.write(pod, "two\n")
        rig.rotate_log(pod)
        kubelet.write(pod, "three\n")
    kubelet.end(pod)
    assert reader.all() == ["one", LINES_MISSING, "three"]


def test_a_rotation_that_took_only_what_was_shown_loses_nothing(
    rig: KubernetesRig, kubelet: ScriptedKubelet, reader: Reader, pod: str
) -> None:
    kubelet.write(pod, "one\n")
    reader.saw("one")
    rig.rotate_log(pod)
    kubelet.write(pod, "two\n")
    reader.saw("two")
    with rig.faults.inject("log_cut", after_lines=0, times=2) as cut:
        kubelet.write(pod, "three\n")
        rig.wait_until(lambda: cut.hits == 2, "the cuts")
    kubelet.end(pod)
    assert reader.all() == ["one", "two", "three"]


def test_the_kubelets_words_about_a_log_are_no_lines_of_it(
    rig: KubernetesRig, kubelet: ScriptedKubelet, run: FlowRun, reader: Reader, pod: str
) -> None:
    kubelet.write(pod, "one\n")
    reader.saw("one")
    with rig.faults.inject("log_unretrievable", times=2) as unretrievable:
        kubelet.write(pod, "two\n")
        kubelet.end(pod)
        assert reader.all() == ["one", "two"]
        assert unretrievable.hits
    with rig.faults.inject("log_unretrievable", times=2):
        assert list(run.logs()) == ["one", "two"]


@given(
    steps=st.lists(st.integers(-MARGIN * SECOND + 1, 3 * SECOND), min_size=1, max_size=60),
    cuts=st.lists(st.integers(0, 20), max_size=4),
)
def test_whatever_the_stamps_and_the_cuts_each_line_is_shown_once(
    steps: list[int], cuts: list[int]
) -> None:
    newest = 10**18
    stamps = []
    for step in steps:
        newest = max(newest, newest + step)
        stamps.append(newest + min(step, 0))
    shown, seen = ShownLines(), []
    for count in [*cuts, len(stamps) + 1]:
        again, since = shown.again(), (shown.since or 0) * SECOND
        served = [(n, stamp) for n, stamp in enumerate(stamps) if stamp >= since]
        for number, stamp in itertools.islice(served, count if count <= 20 else None):
            if not again.is_repeated(stamp):
                shown.add(stamp)
                seen.append(number)
    assert seen == list(range(len(stamps)))
