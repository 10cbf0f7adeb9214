from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowenv_dask_k8s import DaskKubernetesEnvironment
from flowenv_k8s.api.client import Client, connect
from on_kubernetes.clean_slate import clean_slate
from on_kubernetes.current_context import pointing_to
from on_kubernetes.dask_runs import nothing_stays
from on_kubernetes.operated_rig import operated_rig
from rigs.kubernetes import KubernetesRig, ScriptedKubelet
from rigs.kubernetes.dask_operator import DaskOperator, install_definitions


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    with clean_slate(monkeypatch, tmp_path):
        yield


@pytest.fixture
def environment() -> Callable[..., DaskKubernetesEnvironment]:
    def make(**settings: object) -> DaskKubernetesEnvironment:
        settings.setdefault("metadata", {"image": "repo/flow:1"})
        settings.setdefault("cluster", "operator")
        return DaskKubernetesEnvironment(**settings)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="module")
def shared_rig() -> Iterator[KubernetesRig]:
    with KubernetesRig(kubelet=ScriptedKubelet()) as rig:
        install_definitions(rig)
        yield rig


@pytest.fixture
def rig(
    shared_rig: KubernetesRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KubernetesRig]:
    """A cluster with the operator's resource types, but without the operator; no pod runs."""
    with pointing_to(shared_rig, tmp_path, monkeypatch) as rig:
        yield rig
    for kind in ("Job", "DaskAutoscaler", "DaskCluster", "Pod", "Secret", "Event"):
        for one in shared_rig.objects(kind):
            name = one["metadata"]["name"]
            if one["metadata"].pop("finalizers", None):
                shared_rig.apply({**one, "metadata": {**one["metadata"], "finalizers": []}})
            if shared_rig.find(kind, name):
                shared_rig.delete(kind, name, grace_seconds=0)
    for kind in ("DaskCluster", "Pod"):
        shared_rig.wait_until(lambda kind=kind: not shared_rig.objects(kind), f"no {kind}")  # type: ignore[misc]


@pytest.fixture
def client(rig: KubernetesRig) -> Client:
    return connect()


@pytest.fixture(scope="session")
def rig_and_operator(request: pytest.FixtureRequest) -> tuple[KubernetesRig, DaskOperator]:
    """A cluster where pods run, and the real operator."""
    return operated_rig(request.session)


@pytest.fixture
def operated(
    rig_and_operator: tuple[KubernetesRig, DaskOperator], tmp_path: Path
) -> Iterator[KubernetesRig]:
    """A cluster with the operator, where pods run; after the test no run may have left anything."""
    rig, _ = rig_and_operator
    with nothing_stays(rig, tmp_path):
        yield rig
