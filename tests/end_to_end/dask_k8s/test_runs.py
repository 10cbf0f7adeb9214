"""What runs on a Dask cluster of their own do when all goes well."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from local_index import wheel

from flowenv.plugin import configuration
from flowenv.runs.flow_run import FlowRun
from flowenv_k8s.spec.labels import label_of
from on_kubernetes.cluster_under_test import (
    BOKEH_IMAGE,
    IMAGE,
    KUBECONFIG,
    PATIENCE,
    ClusterUnderTest,
)
from on_kubernetes.dask_objects import OF_THE_CLUSTER, line_with, of_run

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples/model_selection/model_selection.py"
FLOWS = ROOT / "plugins/dask_k8s/tests/flows/cluster_flows.py"

Submit = Callable[..., FlowRun]

pytestmark = pytest.mark.slow


def test_the_parallel_example_runs_unchanged(cluster: ClusterUnderTest, submit: Submit) -> None:
    run = submit(EXAMPLE, {"min_workers": 0}, resolution=2, folds=2, images=200)
    marked: dict[str, set[str]] = {}
    for line in run.logs(follow=True):
        if "The cluster has 1 worker" in line:
            [name] = cluster.names("DaskCluster", of_run(run))
            for kind in OF_THE_CLUSTER:
                for one in cluster.objects(kind):
                    labels = one["metadata"].get("labels") or {}
                    if one["metadata"]["name"].startswith(name):
                        marked.setdefault(kind, set()).add(labels.get("flowenv.io/run-id", ""))

    assert run.result(PATIENCE)["candidates"] == 4
    log = "\n".join(run.logs())
    assert "Dask dashboard: http://select-model-" in log
    assert "Removing the DaskCluster select-model-" in log
    assert marked == {kind: {run.id} for kind in OF_THE_CLUSTER}


def test_the_cluster_grows_with_the_work_and_shrinks_again(
    cluster: ClusterUnderTest, submit: Submit
) -> None:
    run = submit("adapts", {"max_workers": 2})
    line_with(run, "The cluster has 2 workers, had 1.")
    end_cool_down(cluster, run)

    assert run.result(PATIENCE) == [2, 1]
    assert any("The cluster has 1 worker, had 2." in line for line in run.logs())


def end_cool_down(cluster: ClusterUnderTest, run: FlowRun) -> None:
    """Don't wait for the 15 s in which the operator lets a cluster keep its new size."""
    noted = "kubernetes.dask.org/cooldown-until"
    [name] = cluster.names("DaskAutoscaler", of_run(run))

    def note() -> Any:
        [found] = cluster.objects("DaskAutoscaler", of_run(run))
        return (found["metadata"].get("annotations") or {}).get(noted)

    cluster.wait_until(note, "the operator's note of the cool-down")
    cluster.annotate("DaskAutoscaler", name, {noted: "0"})


def test_custom_specs_keep_what_they_set(
    cluster: ClusterUnderTest, submit: Submit, spec_files: dict[str, str]
) -> None:
    names = ["OF_FILE", "DASK_OF_FILE", "PREFECT__LOGGING__LEVEL", "PREFECT__CONTEXT__NAMESPACE"]
    names += ["DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING"]

    run = submit("variables", {**spec_files, "metadata": {}}, names=names)
    line_with(run, "The cluster has 1 worker")
    found = cluster.objects("Pod", of_run(run))
    pods = {one["metadata"]["labels"].get("dask.org/component"): one for one in found}

    space = cluster.namespace
    assert run.result(PATIENCE) == {
        "flow": dict(zip(names, ["job", "yes", "DEBUG", space, None], strict=True)),
        "scheduler": dict(zip(names, [None, "yes", "INFO", space, None], strict=True)),
        "worker": dict(zip(names, ["worker", None, "ERROR", space, None], strict=True)),
    }
    linux = {"kubernetes.io/os": "linux"}
    nodes = [pods[which]["spec"].get("nodeSelector") for which in (None, "scheduler", "worker")]
    assert nodes == [linux, linux, None]
    assert pods["worker"]["metadata"]["labels"]["team"] == "a"


def test_a_flow_runs_here_on_a_cluster_there(
    cluster: ClusterUnderTest, label: str, tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    program = (
        "from flowenv.flows.finding import find_flow\n"
        "from flowenv_dask_k8s import DaskKubernetesEnvironment\n"
        "environment = DaskKubernetesEnvironment(1, 1, cluster='operator',\n"
        f"    metadata={{'image': {BOKEH_IMAGE!r}}},\n"
        f"    labels=[{label!r}], performance_report_path={str(report)!r})\n"
        f"print(environment.run(find_flow('{FLOWS}:total'), numbers=5))\n"
    )

    # a process of its own: forwarded ports stay open in it until it ends
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert (done.returncode, done.stdout.strip()) == (0, "10"), done.stderr
    assert "Dask Performance Report" in report.read_text()
    assert cluster.names("Job", label_of(label)) == []


NEEDY = """
from flowenv import flow, get_executor


@flow(requirements=["parcel>=1"])
def versions() -> list[str]:
    return [_version(), get_executor().submit(_version).result()]


def _version() -> str:
    import parcel

    return parcel.VERSION
"""


def test_a_flow_here_hears_that_its_workers_lack_what_it_requires(
    cluster: ClusterUnderTest, label: str
) -> None:
    program = (
        "import flowenv\n"
        "from flowenv_dask_k8s import DaskKubernetesEnvironment\n"
        "environment = DaskKubernetesEnvironment(1, 1, nthreads=1,\n"
        f"    metadata={{'image': {IMAGE!r}}}, labels=[{label!r}])\n"
        "environment.run(flowenv.Flow(len, requirements=['no-such>=1']), obj='four')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "PlatformError: The workers lack what the flow requires: no-such>=1." in done.stderr
    assert done.returncode == 1


@pytest.mark.skipif(bool(KUBECONFIG), reason="its wheels are a folder of this machine")
def test_workers_get_what_the_flow_requires(
    submit: Submit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = shutil.which("uv")
    if not uv:
        pytest.skip("there is no uv here")
    index, tools = tmp_path / "index", tmp_path / "tools"
    wheel(index, "1.0")
    tools.mkdir()
    (tools / "uv").symlink_to(uv)
    file = tmp_path / "needy.py"
    file.write_text(NEEDY)
    path = f"{Path(sys.executable).parent}:{tools}:{os.defpath}"
    (tmp_path / "flowenv.toml").write_text(
        f'[env]\nPATH = "{path}"\nUV_OFFLINE = "1"\nUV_FIND_LINKS = "{index}"\n'
    )
    monkeypatch.setenv("FLOWENV_CONFIG", str(tmp_path / "flowenv.toml"))
    configuration.cache_clear()

    assert submit(file).result(PATIENCE) == ["1.0", "1.0"]
