"""Runs of plain pods while the API server is away, or a node is lost.

On the rig, which can have both; nothing of a run may be left after it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowenv.runs.flow_run import FlowRun
from flowenv.states import Reason, State
from flowenv_k8s.spec.labels import label_of
from on_kubernetes.cluster_under_test import IMAGE, PATIENCE, ClusterUnderTest, needs_the_rig
from on_kubernetes.dask_objects import line_with, of_run
from on_kubernetes.operated_rig import operated_rig
from rigs.kubernetes import KubernetesRig

FLOWS = Path(__file__).parents[3] / "plugins/dask_k8s/tests/flows/cluster_flows.py"
PODS: dict[str, Any] = {"cluster": "pods"}
WORKERS = ",flowenv.io/dask=worker"

Submit = Callable[..., FlowRun]

pytestmark = [pytest.mark.slow, needs_the_rig("a real cluster's API server is everybody's")]


@pytest.fixture
def rig(request: pytest.FixtureRequest) -> KubernetesRig:
    return operated_rig(request.session)[0]


@pytest.mark.parametrize("outage", ["api_down", "api_silent"])
def test_a_run_goes_on_through_an_outage_and_gets_its_worker_back(
    outage: str, cluster: ClusterUnderTest, submit: Submit, rig: KubernetesRig
) -> None:
    run = submit("outlives_its_worker", PODS)
    line_with(run, "waiting for another worker")
    [worker] = cluster.names("Pod", of_run(run, WORKERS))
    with rig.faults.inject(outage), rig.faults.inject("oom_kill", name=worker) as killed:
        killed.wait_until_hit()

    assert run.result(PATIENCE) == 6
    assert any("OOMKilled" in line for line in run.logs())


def test_a_flow_that_ends_in_an_outage_leaves_no_worker(
    cluster: ClusterUnderTest, submit: Submit, rig: KubernetesRig, tmp_path: Path
) -> None:
    run = submit("ends_when_told", PODS, until=str(tmp_path / "told"))
    line_with(run, "waiting for a word")
    [pod] = cluster.names("Pod", of_run(run, ",job-name"))
    with rig.faults.inject("api_down"):
        (tmp_path / "told").touch()
        rig.wait_until(lambda: "The end of the workers: No news since" in rig.log(pod), "patience")

    assert run.result(PATIENCE) == 45
    assert cluster.names("Pod", of_run(run, WORKERS)) == []
    assert any("The workers are gone" in line for line in run.logs())


def test_a_run_whose_own_node_is_lost_says_so_and_leaves_no_worker(
    cluster: ClusterUnderTest, submit: Submit, rig: KubernetesRig
) -> None:
    run = submit("waits_with_work", PODS)
    line_with(run, "waiting with work")
    [flow] = cluster.names("Pod", of_run(run, ",job-name"))
    rig.faults.inject("node_lost", name=flow)

    status = run.wait(PATIENCE)
    assert (status.state, status.reason) == (State.CRASHED, Reason.LOST)
    cluster.wait_until(lambda: not cluster.names("Pod", of_run(run)), "no pod")


@pytest.mark.parametrize("way", ["pods", "operator"])
def test_a_flow_here_outlasts_cuts_of_its_way_to_the_scheduler(
    cluster: ClusterUnderTest, label: str, rig: KubernetesRig, tmp_path: Path, way: str
) -> None:
    told = tmp_path / "told"
    program = (
        "from flowenv.flows.finding import find_flow\n"
        "from flowenv_dask_k8s import DaskKubernetesEnvironment\n"
        f"environment = DaskKubernetesEnvironment(1, 1, cluster={way!r}, nthreads=1,\n"
        f"    metadata={{'image': {IMAGE!r}}}, labels=[{label!r}])\n"
        f"flow = find_flow('{FLOWS}:works_until_told')\n"
        f"print(environment.run(flow, until={str(told)!r}))\n"
    )
    script = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert script.stdout
    with script:
        assert "working" in script.stdout.readline()
        for _ in range(2):
            with rig.faults.inject("api_down"):
                pass
            assert cluster.names("Pod", label_of(label))  # it is back
        told.touch()
        assert script.stdout.readline() == "45\n"
    assert script.returncode == 0
    if way == "operator":  # its pods go after the DaskCluster
        cluster.wait_until(lambda: not cluster.names("Pod", label_of(label)), "no pod")
    for kind in ("Job", "Pod", "Secret", "DaskCluster"):
        assert cluster.names(kind, label_of(label)) == []
