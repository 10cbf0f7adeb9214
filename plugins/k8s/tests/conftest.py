from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowenv import submit
from flowenv.plugin import FlowRun
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment
from flowenv_k8s.api.client import Client, connect
from on_kubernetes.clean_slate import clean_slate
from on_kubernetes.current_context import pointing_to
from rigs.kubernetes import KubernetesRig, Script, ScriptedKubelet


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    with clean_slate(monkeypatch, tmp_path):
        yield


@pytest.fixture(scope="module")
def kubelet() -> ScriptedKubelet:
    """Starts pods that run until a test ends them."""
    return ScriptedKubelet(Script(ends_after=None))


@pytest.fixture(scope="module")
def shared_rig(kubelet: ScriptedKubelet) -> Iterator[KubernetesRig]:
    with KubernetesRig(kubelet=kubelet, token="first-token") as rig:
        yield rig


@pytest.fixture
def rig(
    shared_rig: KubernetesRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KubernetesRig]:
    """A cluster that the current context points to; its log of requests is empty."""
    with pointing_to(shared_rig, tmp_path, monkeypatch) as rig:
        yield rig


@pytest.fixture
def client(rig: KubernetesRig) -> Client:
    return connect()


@pytest.fixture
def environment() -> Callable[..., KubernetesJobEnvironment]:
    def make(**settings: object) -> KubernetesJobEnvironment:
        settings.setdefault("metadata", {"image": "repo/flow:1"})
        return KubernetesJobEnvironment(**settings)  # type: ignore[arg-type]

    return make


@pytest.fixture
def start(
    rig: KubernetesRig, environment: Callable[..., KubernetesJobEnvironment]
) -> Callable[..., FlowRun]:
    """Submit a run, with settings of its environment."""

    def submit_flow(**settings: object) -> FlowRun:
        return submit(flows.add, environment=environment(**settings), parameters={"a": 1})

    return submit_flow
