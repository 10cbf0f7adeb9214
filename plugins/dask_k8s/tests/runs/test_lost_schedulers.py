"""A scheduler that goes while the flow runs is the platform's fault, however it goes.

The news of a pod come as late as a real kubelet's; the runs go on at the same time.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator

import pytest

from flowenv.plugin import Reason, State, Status
from flowenv.runs.flow_run import FlowRun
from on_kubernetes.dask_objects import line_with
from on_kubernetes.dask_runs import PATIENCE, nothing_stays, submit
from on_kubernetes.operated_rig import IMAGES
from rigs.kubernetes import KubernetesRig, Timing
from rigs.kubernetes.dask_operator import DaskOperator

pytestmark = pytest.mark.slow

LATE = 1.5
"""Seconds after which the kubelet tells what became of a container, as a real one."""

NEW = "v1.99.0"
"""A Kubernetes that is newer than all that dask-kubernetes knows."""


@pytest.fixture(scope="module")
def late_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubernetesRig]:
    timing = Timing(longest_grace=5, status_delay=LATE)
    folder = tmp_path_factory.mktemp("late")
    with (
        KubernetesRig(images=IMAGES, timing=timing, version=NEW) as rig,
        DaskOperator(rig, period=1),
    ):
        with nothing_stays(rig, folder):
            yield rig


def scheduler_of(rig: KubernetesRig, run: FlowRun) -> str:
    [pod] = rig.objects(
        "Pod", label_selector=f"flowenv.io/run-id={run.id},dask.org/component=scheduler"
    )
    return str(pod["metadata"]["name"])


def delete_pod(rig: KubernetesRig, run: FlowRun, pid: int) -> None:
    rig.delete("Pod", scheduler_of(rig, run))


def delete_at_once(rig: KubernetesRig, run: FlowRun, pid: int) -> None:
    rig.delete("Pod", scheduler_of(rig, run), grace_seconds=0)


def kill(rig: KubernetesRig, run: FlowRun, pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def kill_for_memory(rig: KubernetesRig, run: FlowRun, pid: int) -> None:
    selector = f"flowenv.io/run-id={run.id},dask.org/component=scheduler"
    rig.faults.inject("oom_kill", label_selector=selector)


def evict(rig: KubernetesRig, run: FlowRun, pid: int) -> None:
    selector = f"flowenv.io/run-id={run.id},dask.org/component=scheduler"
    rig.faults.inject("evicted", label_selector=selector)


def delete_cluster(rig: KubernetesRig, run: FlowRun, pid: int) -> None:
    [found] = rig.objects("DaskCluster", label_selector=f"flowenv.io/run-id={run.id}")
    rig.delete("DaskCluster", found["metadata"]["name"])


CASES: dict[str, tuple[Callable[[KubernetesRig, FlowRun, int], None], Reason, str]] = {
    "deleted": (delete_pod, Reason.LOST, "its pod was deleted"),
    "deleted at once": (delete_at_once, Reason.LOST, "its pod was deleted"),
    "killed": (kill, Reason.LOST, r"its container ended \(Error, exit code 137\)"),
    "killed for its memory": (kill_for_memory, Reason.OOM_KILLED, "OOMKilled"),
    "evicted": (evict, Reason.EVICTED, "low on resource: memory"),
    "its cluster deleted": (delete_cluster, Reason.LOST, "its DaskCluster was deleted"),
}

OWN_FAULT = "a fault of the flow's own"


@pytest.fixture(scope="module")
def ends(late_rig: KubernetesRig) -> dict[str, Status]:
    """How the runs of all cases end."""
    own = submit("fails_by_itself")
    runs = {case: submit("needs_its_scheduler") for case in CASES}
    pids = {}
    for case, run in runs.items():
        [found] = re.findall(r"scheduler (\d+)", line_with(run, "waiting for the cluster"))
        pids[case] = int(found)
    for case, run in runs.items():
        CASES[case][0](late_rig, run, pids[case])
    assert not any("is not supported" in line for line in own.logs(follow=True))
    return {case: run.wait(PATIENCE) for case, run in {**runs, OWN_FAULT: own}.items()}


@pytest.mark.parametrize("case", CASES)
def test_a_run_whose_scheduler_goes_has_crashed(case: str, ends: dict[str, Status]) -> None:
    _, reason, words = CASES[case]
    assert (ends[case].state, ends[case].reason) == (State.CRASHED, reason), ends[case]
    said = rf"The Dask scheduler \S+ was lost while the flow ran: .*{words}"
    assert re.search(said, ends[case].message)


def test_a_fault_of_the_flow_itself_is_told_at_once(ends: dict[str, Status]) -> None:
    assert ends[OWN_FAULT].state is State.FAILED
    assert "ValueError: the flow's own" in str(ends[OWN_FAULT])
