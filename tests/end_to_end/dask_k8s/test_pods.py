"""Runs that make their Dask cluster themselves: of plain pods, encrypted, without an operator."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowenv.registry import registry
from flowenv.runs.flow_run import FlowRun
from flowenv.states import Reason, State
from flowenv_k8s.spec.labels import label_of
from on_kubernetes.cluster_under_test import (
    IMAGE,
    KUBECONFIG,
    PATIENCE,
    PULL_SECONDS,
    ClusterUnderTest,
    needs_the_rig,
)
from on_kubernetes.dask_objects import OF_THE_CLUSTER, line_with, of_run

ROOT = Path(__file__).parents[3]
FLOWS = ROOT / "plugins/dask_k8s/tests/flows/cluster_flows.py"
PODS = {"cluster": "pods"}
WORKERS = ",flowenv.io/dask=worker"
NO_IMAGE = "flowenv.invalid/none:1"
EXAMPLE = ROOT / "examples/model_selection/model_selection.py"

Submit = Callable[..., FlowRun]

pytestmark = pytest.mark.slow


def test_the_parallel_example_runs_unchanged(cluster: ClusterUnderTest, submit: Submit) -> None:
    settings = {"cluster": "pods", "min_workers": 0}
    run = submit(EXAMPLE, settings, resolution=2, folds=2, images=200)
    line_with(run, "The cluster has 1 worker")
    made = {kind: cluster.names(kind, of_run(run)) for kind in OF_THE_CLUSTER}

    assert run.result(PATIENCE)["candidates"] == 4
    log = "\n".join(run.logs())
    # pods of a rig share the loopback: another's scheduler may be on 8787
    assert re.search(r"Dask dashboard: http://127\.0\.0\.1:\d+/status", log)
    assert f"kubectl port-forward -n {cluster.namespace} pod/select-model-" in log
    assert "The workers are gone" in log
    flow, worker = sorted(made.pop("Pod"), key=lambda name: "-worker-" in name)
    assert worker.startswith(f"{flow.rpartition('-')[0]}-worker-")
    assert set(map(tuple, made.values())) == {()}


def test_the_cluster_grows_with_the_work_and_shrinks_again(submit: Submit) -> None:
    run = submit("adapts", {"cluster": "pods", "max_workers": 2})

    assert run.result(PATIENCE) == [2, 1]
    log = "\n".join(run.logs())
    assert "The cluster has 2 workers, had 1." in log
    assert "The cluster has 1 worker, had 2." in log


def test_custom_specs_keep_what_they_set(
    cluster: ClusterUnderTest, submit: Submit, spec_files: dict[str, str]
) -> None:
    names = ["OF_FILE", "DASK_OF_FILE", "PREFECT__LOGGING__LEVEL", "PREFECT__CONTEXT__NAMESPACE"]

    run = submit("variables", {**spec_files, "cluster": "pods", "metadata": {}}, names=names)
    line_with(run, "The cluster has 1 worker")
    [worker] = cluster.objects("Pod", of_run(run, ",flowenv.io/dask=worker"))

    space = cluster.namespace
    of_job = dict(zip(names, ["job", "yes", "DEBUG", space], strict=True))
    assert run.result(PATIENCE) == {
        "flow": of_job,
        "scheduler": of_job,
        "worker": dict(zip(names, ["worker", None, "ERROR", space], strict=True)),
    }
    assert worker["spec"].get("nodeSelector") is None
    assert worker["metadata"]["labels"]["team"] == "a"
    assert worker["spec"]["containers"][0]["args"][:2] == ["dask", "worker"]


@needs_the_rig("one image is what is known to be there")
def test_an_image_that_has_only_dask_is_enough(submit: Submit) -> None:
    assert submit("total", {**PODS, "metadata": {"image": "repo/dask:1"}}).result(PATIENCE) == 45


def test_only_the_flow_has_a_token(submit: Submit) -> None:
    found: Any = submit("has_token", {"cluster": "pods"}).result(PATIENCE)

    assert (found["flow"], found["worker"]) == (True, False)


# -- what fails ------------------------------------------------------------------------------


def test_a_flow_that_fails_leaves_nothing(cluster: ClusterUnderTest, submit: Submit) -> None:
    run = submit("fail", PODS)

    assert run.wait(PATIENCE).state is State.FAILED
    assert cluster.names("Pod", of_run(run, ",!job-name")) == []


def test_cancel_returns_when_the_flow_and_its_workers_are_gone(
    cluster: ClusterUnderTest, submit: Submit
) -> None:
    run = submit("waits_with_work", PODS)
    line_with(run, "waiting with work")

    assert run.cancel().state is State.CANCELLED
    for kind in ("Job", "Pod", "Secret"):
        assert cluster.names(kind, of_run(run)) == []


@pytest.mark.parametrize("phase", ["submitted", "starting", "cluster"])
def test_cancel_works_in_each_phase(phase: str, cluster: ClusterUnderTest, submit: Submit) -> None:
    run = submit("waits_with_work", PODS)
    if phase == "starting":
        cluster.wait_until(lambda: cluster.names("Pod", of_run(run)), "the flow's pod")
    elif phase == "cluster":
        cluster.wait_until(lambda: cluster.names("Pod", of_run(run, WORKERS)), "a worker's pod")

    assert run.cancel().state is State.CANCELLED
    assert cluster.names("Pod", of_run(run)) == []


def test_a_killed_flow_leaves_no_worker(cluster: ClusterUnderTest, submit: Submit) -> None:
    # on a real cluster the kernel kills it; the rig enforces no limit
    real = KUBECONFIG is not None
    memory = {"resources": {"limits": {"memory": "700Mi"}}} if real else {}
    run = submit("thinks", {**PODS, **memory}, seconds=0.1, eats=real)
    line = line_with(run, "the cluster is still there")
    if not real:
        os.kill(int(line.rpartition(" ")[2]), signal.SIGKILL)

    assert run.wait(PATIENCE).state is State.CRASHED
    cluster.wait_until(lambda: not cluster.names("Pod", of_run(run, WORKERS)), "no worker")


@needs_the_rig("the flow's process is killed from outside")
def test_a_worker_without_its_scheduler_ends_by_itself(
    cluster: ClusterUnderTest, submit: Submit
) -> None:
    """Nobody follows the run; a sweep finds what is left."""
    run = submit("waits_with_work", PODS)
    os.kill(int(line_with(run, "waiting with work").rpartition(" ")[2]), signal.SIGKILL)

    def is_over() -> bool:
        [worker] = cluster.objects("Pod", of_run(run, WORKERS))
        return str(worker["status"]["phase"]) in ("Succeeded", "Failed")

    cluster.wait_until(is_over, "the worker's end", timeout=60)
    hook = registry.registry().hooks("dask_k8s").hook
    list(hook.flowenv_sweep(environment=run.environment, older_than=0.0, delete=True))
    cluster.wait_until(lambda: not cluster.names("Pod", of_run(run)), "no pod")


def test_a_flow_outlives_its_worker(cluster: ClusterUnderTest, submit: Submit) -> None:
    run = submit("outlives_its_worker", PODS)
    line_with(run, "waiting for another worker")
    [worker] = cluster.names("Pod", of_run(run, WORKERS))
    cluster.delete("Pod", worker, at_once=True)

    assert run.result(PATIENCE) == 6
    assert any("its pod was deleted. Another one is made" in line for line in run.logs())


def test_a_lost_scheduler_is_no_fault_of_the_flow(submit: Submit) -> None:
    status = submit("loses_its_scheduler", PODS).wait(PATIENCE)

    assert (status.state, status.reason) == (State.CRASHED, Reason.LOST)
    assert "was killed by signal 9" in status.message


def test_who_has_no_certificate_of_the_run_is_refused(submit: Submit) -> None:
    assert submit("tries_without_a_certificate", PODS).result(PATIENCE) == []


def test_workers_without_an_image_are_explained(submit: Submit) -> None:
    worker = {"kind": "Pod", "spec": {"containers": [{"image": NO_IMAGE}]}}

    run = submit("total", {**PODS, "worker_spec": worker, "worker_deadline": PULL_SECONDS})

    status = run.wait(PATIENCE)
    assert (status.state, status.reason) == (State.CRASHED, Reason.IMAGE_PULL)
    assert NO_IMAGE in status.message


def test_a_run_that_began_without_workers_ends_when_none_can_come(submit: Submit) -> None:
    worker = {"kind": "Pod", "spec": {"containers": [{"image": "NO//NAME"}]}}

    status = submit("total", {**PODS, "min_workers": 0, "worker_spec": worker}).wait(PATIENCE)

    assert (status.state, status.reason) == (State.CRASHED, Reason.IMAGE_PULL)
    assert "InvalidImageName" in status.message


def test_workers_that_crash_again_and_again_are_explained_with_their_log(submit: Submit) -> None:
    container = {"command": ["dask"], "args": ["worker", "--sideways"]}
    worker = {"kind": "Pod", "spec": {"containers": [container]}}

    status = submit("total", {**PODS, "worker_spec": worker}).wait(PATIENCE)

    assert (status.state, status.reason) == (State.CRASHED, Reason.START_ERROR)
    assert "missing port number in address '--sideways'" in status.message


def test_a_worker_with_another_python_that_joins_late_ends_the_run(submit: Submit) -> None:
    """There was none that could be looked at before the flow began."""
    claim = (
        "import distributed.versions as known; "
        "known.told = getattr(known, 'told', known.get_package_info); "  # it is executed twice
        "known.get_package_info = lambda names: known.told(names) | {'python': '3.9.1.final.0'}"
    )
    env = [{"name": "DASK_DISTRIBUTED__WORKER__PRELOAD", "value": json.dumps([claim])}]
    worker = {"kind": "Pod", "spec": {"containers": [{"env": env}]}}

    status = submit("total", {**PODS, "min_workers": 0, "worker_spec": worker}).wait(PATIENCE)

    assert (status.state, status.reason) == (State.CRASHED, Reason.CONFIGURATION)
    assert "this worker has Python 3.9" in status.message


def test_deleting_the_job_deletes_all(cluster: ClusterUnderTest, submit: Submit) -> None:
    run = submit("waits_with_work", PODS)
    line_with(run, "waiting with work")
    cluster.delete("Job", run.reference.rpartition("/")[2])

    assert run.wait(PATIENCE).reason is Reason.LOST
    cluster.wait_until(lambda: not cluster.names("Pod", of_run(run)), "no pod")


# -- from outside ----------------------------------------------------------------------------


def test_a_flow_runs_here_on_a_cluster_there(cluster: ClusterUnderTest, label: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program(label, "total", "numbers=5")],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert (done.returncode, done.stdout.strip()) == (0, "10"), done.stderr
    assert cluster.names("Job", label_of(label)) == []
    assert cluster.names("Pod", label_of(label)) == []
    assert cluster.names("Secret", label_of(label)) == []


def test_a_script_that_is_told_to_end_leaves_nothing(cluster: ClusterUnderTest, label: str) -> None:
    script = subprocess.Popen(
        [sys.executable, "-c", program(label, "waits_with_work", "")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert script.stdout
    with script:
        assert "waiting with work" in script.stdout.readline()
        script.terminate()
        script.wait(PATIENCE)

    for kind in ("Job", "Pod", "Secret"):
        assert cluster.names(kind, label_of(label)) == []


def program(label: str, flow: str, parameters: str) -> str:
    """A script that runs a flow here, on a cluster there."""
    return (
        "from flowenv.flows.finding import find_flow\n"
        "from flowenv_dask_k8s import DaskKubernetesEnvironment\n"
        "environment = DaskKubernetesEnvironment(1, 1, cluster='pods', nthreads=1,\n"
        f"    metadata={{'image': {IMAGE!r}}}, labels=[{label!r}])\n"
        f"print(environment.run(find_flow('{FLOWS}:{flow}'), {parameters}))\n"
    )
