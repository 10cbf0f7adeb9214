"""Runs on Dask in Kubernetes: the real operator and the real KubeCluster, on the rig."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import flowenv
from flowenv import registry
from flowenv.configuration import configuration
from flowenv.flow_run import FlowRun
from flowenv.states import Reason, State
from flowenv.targets import load_target
from flowenv_dask_k8s import DaskKubernetesEnvironment
from flowenv_k8s import watch
from flowenv_k8s.client import forget_connections
from rigs.kubernetes import Image, KubernetesRig, Timing
from rigs.kubernetes.dask_operator import DaskOperator

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "model_selection" / "model_selection.py"
FLOWS = ROOT / "plugins" / "dask_k8s" / "tests" / "flows" / "cluster_flows.py"
IMAGE = "team/flow:1"
OF_THE_CLUSTER = (
    *("DaskCluster", "DaskWorkerGroup", "DaskAutoscaler"),
    *("Deployment", "ReplicaSet", "Service", "Pod"),
)
PATIENCE = 60.0

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("KUBERNETES_SERVICE_HOST", "FLOWENV_CONFIG", "FLOWENV_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(watch, "LINGER", 0.0)
    registry.reset()
    configuration.cache_clear()
    yield
    registry.reset()
    configuration.cache_clear()
    forget_connections()


@pytest.fixture(scope="module")
def operated_rig() -> Iterator[KubernetesRig]:
    with KubernetesRig(
        images={IMAGE: Image()}, node_labels={"pool": "big"}, timing=Timing(longest_grace=3)
    ) as rig:
        with DaskOperator(rig):
            yield rig


@pytest.fixture
def rig(
    operated_rig: KubernetesRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KubernetesRig]:
    """A cluster with the operator; after the test nothing of its runs may be left."""
    kubeconfig = operated_rig.kubeconfig(tmp_path / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    operated_rig.requests.clear()
    yield operated_rig
    for kind in OF_THE_CLUSTER:
        operated_rig.wait_until(
            lambda kind=kind: not of_cluster(operated_rig, kind),  # type: ignore[misc]
            f"no {kind} of a cluster being left",
            PATIENCE,
        )
    for job in operated_rig.objects("Job"):  # as its TTL would
        operated_rig.delete("Job", job["metadata"]["name"], propagation="Background")
    for kind in ("Job", "Pod", "Secret"):
        operated_rig.wait_until(
            lambda kind=kind: not of_runs(operated_rig, kind),  # type: ignore[misc]
            f"no {kind} being left",
            PATIENCE,
        )


def of_runs(rig: KubernetesRig, kind: str) -> list[Any]:
    return rig.objects(kind, label_selector="flowenv.io/run-id")


def of_cluster(rig: KubernetesRig, kind: str) -> list[Any]:
    """The objects of a kind but the flow's own pods; whether labelled or not."""
    return rig.objects(kind, "default", "!job-name,!component")


def submit(name: str | Path, settings: dict[str, Any] | None = None, **parameters: Any) -> FlowRun:
    flow = load_target(str(name) if isinstance(name, Path) else f"{FLOWS}:{name}")
    environment = DaskKubernetesEnvironment(
        **{"metadata": {"image": IMAGE}, "max_workers": 1, "nthreads": 1, **(settings or {})}
    )
    return flowenv.submit(flow, environment=environment, parameters=parameters)


def wait_for_line(run: FlowRun, line: str) -> None:
    for one in run.logs(follow=True):
        if line in one:
            return
    raise AssertionError(f"no {line!r}: {run.refresh()}")


def test_the_parallel_example_runs_unchanged(rig: KubernetesRig) -> None:
    run = submit(EXAMPLE, {"labels": ["nightly"]}, resolution=2, folds=2, images=200)
    marked: dict[str, set[str]] = {}
    for line in run.logs(follow=True):
        if "The cluster has 1 worker" in line:
            for kind in OF_THE_CLUSTER:
                for one in of_cluster(rig, kind):
                    labels = one["metadata"].get("labels") or {}
                    marked.setdefault(kind, set()).add(labels.get("flowenv.io/run-id", ""))

    assert run.result(PATIENCE)["candidates"] == 4
    log = "\n".join(run.logs())
    assert "Dask dashboard: http://select-model-" in log
    assert "Removing the DaskCluster select-model-" in log
    marked.pop("DaskAutoscaler", None)
    assert marked == {kind: {run.id} for kind in OF_THE_CLUSTER if kind != "DaskAutoscaler"}


def test_the_cluster_grows_with_the_work_and_shrinks_again(rig: KubernetesRig) -> None:
    run = submit("adapts", {"max_workers": 2})

    assert run.result(PATIENCE * 2) == [2, 1]
    log = "\n".join(run.logs())
    assert "The cluster has 2 workers, had 1." in log
    assert "The cluster has 1 worker, had 2." in log


def test_custom_specs_keep_what_they_set(rig: KubernetesRig, tmp_path: Path) -> None:
    job, pod = tmp_path / "job.yaml", tmp_path / "worker.yaml"
    job.write_text(JOB)
    pod.write_text(WORKER)
    names = ["OF_FILE", "DASK_OF_FILE", "PREFECT__LOGGING__LEVEL", "PREFECT__CONTEXT__NAMESPACE"]
    names += ["DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING"]
    settings = {"scheduler_spec_file": str(job), "worker_spec_file": str(pod)}

    run = submit("variables", {**settings, "metadata": {}}, names=names)
    wait_for_line(run, "The cluster has 1 worker")
    pods = {one["metadata"]["labels"].get("dask.org/component"): one for one in of_runs(rig, "Pod")}

    assert run.result(PATIENCE) == {
        "flow": dict(zip(names, ["job", "yes", "DEBUG", "default", None], strict=True)),
        "scheduler": dict(zip(names, [None, "yes", "INFO", "default", None], strict=True)),
        "worker": dict(zip(names, ["worker", None, "ERROR", "default", None], strict=True)),
    }
    assert [pods[which]["spec"].get("nodeSelector") for which in (None, "scheduler", "worker")] == [
        {"pool": "big"},
        {"pool": "big"},
        None,
    ]
    assert pods["worker"]["metadata"]["labels"]["team"] == "a"


JOB = f"""
apiVersion: batch/v1
kind: Job
spec:
  template:
    spec:
      nodeSelector: {{pool: big}}
      restartPolicy: Never
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


def test_a_flow_that_fails_leaves_no_cluster(rig: KubernetesRig) -> None:
    run = submit("fail")

    assert run.wait(PATIENCE).state is State.FAILED
    assert "ZeroDivisionError" in "\n".join(run.logs())


def test_cancel_removes_everything_at_once(rig: KubernetesRig) -> None:
    run = submit("wait_for_ever")
    wait_for_line(run, "waiting")

    assert run.cancel().state is State.CANCELLED
    assert of_runs(rig, "Pod") == []


def test_a_living_flow_keeps_its_cluster_and_a_killed_one_does_not(rig: KubernetesRig) -> None:
    run = submit("thinks_then_dies", {"idle_timeout": 3}, seconds=14)

    assert run.wait(PATIENCE).state is State.CRASHED
    assert "the cluster is still there" in list(run.logs())


def test_deleting_the_job_deletes_the_cluster(rig: KubernetesRig) -> None:
    run = submit("wait_for_ever")
    wait_for_line(run, "waiting")
    rig.faults.inject("job_deleted", name=run.reference.rpartition("/")[2])

    assert run.wait(PATIENCE).reason is Reason.LOST


def test_a_flow_outlives_its_worker(rig: KubernetesRig) -> None:
    run = submit("outlives_its_worker")
    wait_for_line(run, "waiting for another worker")
    [pod] = rig.objects("Pod", label_selector="dask.org/component=worker")
    rig.delete("Pod", pod["metadata"]["name"], grace_seconds=0)

    assert run.result(PATIENCE) == 6


def test_a_lost_scheduler_is_no_fault_of_the_flow(rig: KubernetesRig) -> None:
    run = submit("outlives_its_worker")
    wait_for_line(run, "waiting for another worker")
    [pod] = rig.objects("Pod", label_selector="dask.org/component=scheduler")
    rig.delete("Pod", pod["metadata"]["name"], grace_seconds=0)

    assert run.wait(PATIENCE * 2).reason is Reason.LOST


def test_workers_without_an_image_are_explained(rig: KubernetesRig, tmp_path: Path) -> None:
    worker = {"kind": "Pod", "spec": {"containers": [{"image": "team/none:1"}]}}

    run = submit("total", {"worker_spec": worker, "worker_deadline": 2})

    status = run.wait(PATIENCE)
    assert (status.state, status.reason) == (State.CRASHED, Reason.IMAGE_PULL)
    assert "team/none:1" in status.message


def test_a_scheduler_that_crashes_again_and_again_is_explained_with_its_log(
    rig: KubernetesRig, break_scheduler: Callable[[], None]
) -> None:
    break_scheduler()

    status = submit("total").wait(PATIENCE)

    assert (status.state, status.reason) == (State.CRASHED, Reason.START_ERROR)
    assert "No such option" in status.message


@pytest.fixture
def break_scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A plugin changes the DaskCluster, and what it changes is what the run's Job makes."""

    def install() -> None:
        plugin = tmp_path / "breaking.py"
        plugin.write_text(
            "from flowenv import hookimpl\n\n\n@hookimpl\n"
            "def flowenv_modify_spec(spec):\n"
            '    pod = spec["dask_cluster"]["spec"]["scheduler"]["spec"]\n'
            '    pod["containers"][0]["args"] = ["scheduler", "--sideways"]\n'
        )
        monkeypatch.setenv("FLOWENV_PLUGINS", str(plugin))
        registry.reset()

    return install


def test_a_flow_runs_here_on_a_cluster_there(rig: KubernetesRig, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    program = (
        "from flowenv.targets import load_target\n"
        "from flowenv_dask_k8s import DaskKubernetesEnvironment\n"
        f"environment = DaskKubernetesEnvironment(1, 1, metadata={{'image': '{IMAGE}'}},\n"
        f"    performance_report_path={str(report)!r})\n"
        f"print(environment.run(load_target('{FLOWS}:total'), numbers=5))\n"
    )

    # a process of its own: forwarded ports stay open in it until it ends
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stdout.strip()) == (0, "10"), done.stderr
    assert "Dask Performance Report" in report.read_text()
    assert rig.objects("Job") == []
