"""Runs that make their Dask cluster themselves: of plain pods, encrypted, without an operator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowenv.runs.flow_run import FlowRun
from on_kubernetes.cluster_under_test import IMAGE, PATIENCE, ClusterUnderTest
from on_kubernetes.dask_objects import OF_THE_CLUSTER, line_with, of_run

ROOT = Path(__file__).parents[3]
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
    assert "Dask dashboard: http://127.0.0.1:8787/status" in log
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
    cluster: ClusterUnderTest, submit: Submit, tmp_path: Path
) -> None:
    job, pod = tmp_path / "job.yaml", tmp_path / "worker.yaml"
    job.write_text(JOB)
    pod.write_text(WORKER)
    names = ["OF_FILE", "DASK_OF_FILE", "PREFECT__LOGGING__LEVEL", "PREFECT__CONTEXT__NAMESPACE"]
    settings = {
        "cluster": "pods",
        "scheduler_spec_file": str(job),
        "worker_spec_file": str(pod),
        "metadata": {},
    }

    run = submit("variables", settings, names=names)
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


JOB = f"""
apiVersion: batch/v1
kind: Job
spec:
  template:
    spec:
      nodeSelector: {{kubernetes.io/os: linux}}
      containers:
        - image: {IMAGE}
          env:
            - {{name: OF_FILE, value: job}}
            - {{name: DASK_OF_FILE, value: "yes"}}
            - {{name: PREFECT__LOGGING__LEVEL, value: DEBUG}}
"""
WORKER = """
kind: Pod
metadata:
  labels: {team: a}
spec:
  restartPolicy: Never
  containers:
    - args: [dask, worker, --name, $(DASK_WORKER_NAME), --nthreads, "1", --no-dashboard]
      env:
        - {name: OF_FILE, value: worker}
        - {name: PREFECT__LOGGING__LEVEL, value: ERROR}
"""


def test_only_the_flow_has_a_token(submit: Submit) -> None:
    found: Any = submit("has_token", {"cluster": "pods"}).result(PATIENCE)

    assert (found["flow"], found["worker"]) == (True, False)
