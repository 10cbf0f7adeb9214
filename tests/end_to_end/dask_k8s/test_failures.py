"""What becomes of runs on a Dask cluster of their own when something fails, or is killed."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import flowenv
from flowenv.errors import PlatformError
from flowenv.runs.flow_run import FlowRun
from flowenv.states import Reason, State
from flowenv.testing import flows
from flowenv_dask_k8s import DaskKubernetesEnvironment
from on_kubernetes.cluster_under_test import (
    IMAGE,
    KUBECONFIG,
    PATIENCE,
    PULL_SECONDS,
    ClusterUnderTest,
    needs_the_rig,
)
from on_kubernetes.dask_objects import OF_THE_JOB, dask_pod, line_with, of_run
from on_kubernetes.operated_rig import OPERATOR_PERIOD
from rigs.kubernetes import KubernetesRig, ScriptedKubelet

OPERATOR_LOOKS = 5 if KUBECONFIG else OPERATOR_PERIOD
"""Seconds between the operator's looks at whether a cluster is idle."""
NO_IMAGE = "flowenv.invalid/none:1"

Submit = Callable[..., FlowRun]

pytestmark = pytest.mark.slow


def test_a_flow_that_fails_leaves_no_cluster(submit: Submit) -> None:
    run = submit("fail")

    assert run.wait(PATIENCE).state is State.FAILED
    assert "ZeroDivisionError" in "\n".join(run.logs())


def test_cancel_returns_when_the_flow_and_its_cluster_are_gone(
    cluster: ClusterUnderTest, submit: Submit
) -> None:
    run = submit("wait_for_ever")
    line_with(run, "waiting")

    assert run.cancel().state is State.CANCELLED
    for kind in ("Job", "DaskCluster", "DaskAutoscaler"):
        assert cluster.names(kind, of_run(run)) == []
    assert cluster.names("Pod", of_run(run, ",job-name")) == []


def test_a_living_flow_keeps_its_cluster_and_a_killed_one_does_not(submit: Submit) -> None:
    # on a real cluster the kernel kills it; the rig enforces no limit
    memory = {"limits": {"memory": "600Mi"}}
    seconds = 5 + 3 * OPERATOR_LOOKS
    run = submit(
        "thinks",
        {"idle_timeout": 5, "resources": memory},
        seconds=seconds,
        eats=KUBECONFIG is not None,
    )
    line = line_with(run, "the cluster is still there")
    if not KUBECONFIG:
        process = re.search(r"process (\d+)", line)
        assert process
        os.kill(int(process[1]), signal.SIGKILL)

    status = run.wait(PATIENCE)
    killed = Reason.OOM_KILLED if KUBECONFIG else Reason.EXITED
    assert (status.state, status.reason) == (State.CRASHED, killed)


def test_deleting_the_job_deletes_the_cluster(cluster: ClusterUnderTest, submit: Submit) -> None:
    run = submit("wait_for_ever")
    line_with(run, "waiting")
    cluster.delete("Job", run.reference.rpartition("/")[2])

    assert run.wait(PATIENCE).reason is Reason.LOST


def test_a_flow_outlives_its_worker(cluster: ClusterUnderTest, submit: Submit) -> None:
    run = submit("outlives_its_worker")
    line_with(run, "waiting for another worker")
    cluster.delete("Pod", dask_pod(cluster, run, "worker"), at_once=True)

    assert run.result(PATIENCE) == 6


def test_a_lost_scheduler_is_no_fault_of_the_flow(
    cluster: ClusterUnderTest, submit: Submit
) -> None:
    run = submit("outlives_its_worker")
    line_with(run, "waiting for another worker")
    cluster.delete("Pod", dask_pod(cluster, run, "scheduler"), at_once=True)

    assert run.wait(PATIENCE * 2).reason is Reason.LOST


def test_a_flow_without_an_image_is_explained(submit: Submit) -> None:
    run = submit("total", {"metadata": {"image": NO_IMAGE}, "start_deadline": PULL_SECONDS})

    status = run.wait(PATIENCE)
    assert (status.state, status.reason) == (State.CRASHED, Reason.IMAGE_PULL)


def test_workers_without_an_image_are_explained(submit: Submit) -> None:
    worker = {"kind": "Pod", "spec": {"containers": [{"image": NO_IMAGE}]}}

    run = submit("total", {"worker_spec": worker, "worker_deadline": PULL_SECONDS})

    status = run.wait(PATIENCE)
    assert (status.state, status.reason) == (State.CRASHED, Reason.IMAGE_PULL)
    assert NO_IMAGE in status.message


def test_a_scheduler_without_an_image_is_explained(
    submit: Submit, change_scheduler: Callable[[str, object], None]
) -> None:
    change_scheduler("image", NO_IMAGE)

    status = submit("total", {"cluster_deadline": PULL_SECONDS}).wait(PATIENCE)

    assert (status.state, status.reason) == (State.CRASHED, Reason.IMAGE_PULL)
    assert NO_IMAGE in status.message


def test_a_scheduler_that_crashes_again_and_again_is_explained_with_its_log(
    submit: Submit, change_scheduler: Callable[[str, object], None]
) -> None:
    change_scheduler("args", ["scheduler", "--sideways"])

    status = submit("total").wait(PATIENCE)

    assert (status.state, status.reason) == (State.CRASHED, Reason.START_ERROR)
    assert "No such option" in status.message


@needs_the_rig("a real cluster's operator can't be taken away")
def test_an_operator_that_does_not_run_is_missed(without_operator: ClusterUnderTest) -> None:
    environment = DaskKubernetesEnvironment(
        metadata={"image": IMAGE}, cluster="operator", cluster_deadline=1
    )

    run = flowenv.submit(flows.add, environment=environment, parameters={"a": 1})

    status = run.wait(PATIENCE)
    assert (status.state, status.reason) == (State.CRASHED, Reason.DEADLINE)
    assert "The Dask operator has not answered" in status.message


@needs_the_rig("a real cluster's operator can't be taken away")
def test_where_no_operator_was_ever_installed_nothing_is_submitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = DaskKubernetesEnvironment(metadata={"image": IMAGE}, cluster="operator")

    with KubernetesRig(kubelet=ScriptedKubelet()) as rig:
        monkeypatch.setenv("KUBECONFIG", str(rig.kubeconfig(tmp_path / "bare")))
        with pytest.raises(PlatformError, match="There is no Dask operator"):
            flowenv.submit(flows.add, environment=environment, parameters={"a": 1})
        assert [rig.objects(kind) for kind in OF_THE_JOB] == [[], [], []]
