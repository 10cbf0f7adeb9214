"""Runs on Dask in Kubernetes: the real operator and the real KubeCluster.

On the Kubernetes rig; on a real cluster with the operator when `FLOWENV_TEST_KUBECONFIG` and
`FLOWENV_TEST_IMAGE` are set. After each test nothing of its runs may be left.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import flowenv
from flowenv.flows.finding import find_flow
from flowenv.registry import registry
from flowenv.runs.flow_run import FlowRun
from flowenv_dask_k8s import DaskKubernetesEnvironment
from flowenv_k8s.spec.labels import label_of
from on_kubernetes.clean_slate import clean_slate
from on_kubernetes.cluster_under_test import IMAGE, KUBECONFIG, ClusterUnderTest, cluster_under_test
from on_kubernetes.dask_objects import wait_until_nothing_is_left
from on_kubernetes.operated_rig import operated_rig
from rigs.kubernetes import Image, KubernetesRig, Timing
from rigs.kubernetes.dask_operator import install_definitions

FLOWS = Path(__file__).parents[3] / "plugins/dask_k8s/tests/flows/cluster_flows.py"

Submit = Callable[..., FlowRun]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    with clean_slate(monkeypatch, tmp_path):
        yield


@pytest.fixture
def label() -> str:
    """A label that the test's runs have, and no others."""
    return f"e2e-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def cluster(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, label: str
) -> Iterator[ClusterUnderTest]:
    """A cluster with the operator; after the test nothing of its runs may be left."""
    rig = None if KUBECONFIG else operated_rig(request.session)[0]
    with cluster_under_test(rig, tmp_path, monkeypatch) as made:
        yield made
        # the rig has nothing but the test's objects: there those without a label count, too
        wait_until_nothing_is_left(made, label_of(label) if KUBECONFIG else "")


@pytest.fixture
def submit(cluster: ClusterUnderTest, label: str) -> Submit:
    """Submits a flow: one of `cluster_flows.py`, or that of a file; by default on an operator's."""

    def submit(
        name: str | Path, settings: dict[str, Any] | None = None, **parameters: Any
    ) -> FlowRun:
        flow = find_flow(str(name) if isinstance(name, Path) else f"{FLOWS}:{name}")
        small = {"metadata": {"image": IMAGE}, "labels": [label], "max_workers": 1, "nthreads": 1}
        small["cluster"] = "operator"
        environment = DaskKubernetesEnvironment(**{**small, **(settings or {})})
        return flowenv.submit(flow, environment=environment, parameters=parameters)

    return submit


@pytest.fixture
def change_scheduler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, object], None]:
    """A plugin changes the DaskCluster, and what it changes is what the run's Job makes."""

    def install(field: str, value: object) -> None:
        plugin = tmp_path / "breaking.py"
        plugin.write_text(
            "from flowenv import hookimpl\n\n\n@hookimpl\n"
            "def flowenv_modify_spec(spec):\n"
            '    pod = spec["dask_cluster"]["spec"]["scheduler"]["spec"]\n'
            f'    pod["containers"][0][{field!r}] = {value!r}\n'
        )
        monkeypatch.setenv("FLOWENV_PLUGINS", str(plugin))
        registry.reset()

    return install


@pytest.fixture
def without_operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClusterUnderTest]:
    """A rig whose operator doesn't run; after the test nothing of its runs may be left."""
    with KubernetesRig(images={IMAGE: Image()}, timing=Timing(longest_grace=5)) as rig:
        install_definitions(rig)
        with cluster_under_test(rig, tmp_path, monkeypatch) as made:
            yield made
            wait_until_nothing_is_left(made, "")


JOB = f"""
apiVersion: batch/v1
kind: Job
spec:
  template:
    spec:
      nodeSelector: {{kubernetes.io/os: linux}}
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


@pytest.fixture
def spec_files(tmp_path: Path) -> dict[str, str]:
    """Settings that name two files of the user's: of the flow's Job, and of the workers' pod."""
    job, worker = tmp_path / "job.yaml", tmp_path / "worker.yaml"
    job.write_text(JOB)
    worker.write_text(WORKER)
    return {"scheduler_spec_file": str(job), "worker_spec_file": str(worker)}
