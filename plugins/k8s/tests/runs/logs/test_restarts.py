"""The log of a container that is started again: all its attempts, or a word of what is missing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flowenv import attach, submit
from flowenv.plugin import FlowRun
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment
from flowenv_k8s.runs.logs.container_log import LINES_MISSING
from flowenv_k8s.runs.logs.run_log import EARLIER_MISSING, END_MISSING
from on_kubernetes.job_runs import complete, pod_of
from on_kubernetes.log_reader import Reader
from rigs.kubernetes import KubernetesRig, ScriptedKubelet


@pytest.fixture
def run(environment: Callable[..., KubernetesJobEnvironment], rig: KubernetesRig) -> FlowRun:
    spec = {"restartPolicy": "OnFailure", "containers": [{"image": "repo/flow:1"}]}
    made = environment(job_spec={"spec": {"backoffLimit": 9, "template": {"spec": spec}}})
    return submit(flows.add, environment=made, parameters={"a": 1})


def test_each_attempt_is_followed(
    rig: KubernetesRig, kubelet: ScriptedKubelet, run: FlowRun, reader: Reader, pod: str
) -> None:
    for number in range(3):
        kubelet.write(pod, f"attempt {number}\n")
        reader.saw(f"attempt {number}")
        kubelet.restart(pod)
    kubelet.write(pod, "last\n")
    complete(rig, kubelet, run)
    assert reader.all() == ["attempt 0", "attempt 1", "attempt 2", "last"]


def test_an_attempt_that_ended_while_its_log_was_cut_is_read_afterwards(
    rig: KubernetesRig, kubelet: ScriptedKubelet, run: FlowRun, reader: Reader, pod: str
) -> None:
    kubelet.write(pod, "one\n")
    reader.saw("one")
    with rig.faults.inject("log_cut", after_lines=0, times=None):
        kubelet.write(pod, "two\n")
        kubelet.restart(pod)
        kubelet.write(pod, "three\n")
    complete(rig, kubelet, run)
    assert reader.all() == ["one", "two", "three"]


def test_what_two_restarts_in_a_cut_take_is_spoken_of(
    rig: KubernetesRig, kubelet: ScriptedKubelet, run: FlowRun, reader: Reader, pod: str
) -> None:
    kubelet.write(pod, "one\n")
    reader.saw("one")
    with rig.faults.inject("log_cut", after_lines=0, times=None):
        kubelet.write(pod, "two\n")
        kubelet.restart(pod)
        kubelet.write(pod, "three\n")
        kubelet.restart(pod)
        kubelet.write(pod, "four\n")
    complete(rig, kubelet, run)
    assert reader.all() == ["one", LINES_MISSING, "three", "four"]


def test_a_pod_that_goes_with_what_it_wrote_last_leaves_a_word(
    rig: KubernetesRig, kubelet: ScriptedKubelet, run: FlowRun, reader: Reader, pod: str
) -> None:
    kubelet.write(pod, "one\n")
    reader.saw("one")
    with rig.faults.inject("log_cut", after_lines=0, times=None):
        kubelet.write(pod, "two\n")
        kubelet.restart(pod)
        rig.delete("Pod", pod, grace_seconds=0)
        rig.wait_until(lambda: pod not in names(rig, run), "the pod's end")
    other = pod_of(rig, run)
    kubelet.run(other)
    kubelet.write(other, "next pod\n")
    complete(rig, kubelet, run)
    assert reader.all() == ["one", END_MISSING, "next pod"]


def names(rig: KubernetesRig, run: FlowRun) -> list[str]:
    return [item["metadata"]["name"] for item in rig.pods_of(run.reference.partition("/")[2])]


def test_who_comes_later_gets_the_attempt_before_too(
    rig: KubernetesRig, kubelet: ScriptedKubelet, run: FlowRun, pod: str
) -> None:
    kubelet.write(pod, "one\n")
    kubelet.restart(pod)
    kubelet.write(pod, "two\n")
    assert list(run.logs()) == ["one", "two"]
    kubelet.restart(pod)
    kubelet.write(pod, "three\n")
    assert list(run.logs()) == [EARLIER_MISSING, "two", "three"]
    reader = Reader(attach(run.reference, run.environment), rig)
    reader.saw("three")
    complete(rig, kubelet, run)
    assert reader.all() == [EARLIER_MISSING, "two", "three"]
