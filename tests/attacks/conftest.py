"""The user's own machine and account, as an attacker can't reach them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowenv import submit
from flowenv.plugin import FlowRun, configuration
from flowenv.registry import registry
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment
from flowenv_k8s.api.client import Client, connect
from on_kubernetes.clean_slate import clean_slate
from on_kubernetes.current_context import pointing_to
from rigs.kubernetes import KubernetesRig, Script, ScriptedKubelet
from rigs.kubernetes.status import ApiError


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No registry, configuration, connection or variable of another test or of the machine."""
    for name in list(os.environ):
        if name.startswith(("FLOWENV_", "PREFECT__")):
            monkeypatch.delenv(name)
    (tmp_path / "work").mkdir()
    with clean_slate(monkeypatch, tmp_path / "work"):
        yield


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set keys of the configuration, as a new process would see them."""

    def configure(**keys: str) -> None:
        for name, value in keys.items():
            monkeypatch.setenv(f"FLOWENV_{name.upper()}", value)
        configuration.cache_clear()
        registry.reset()

    return configure


# -- Kubernetes -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kubelet() -> ScriptedKubelet:
    """Starts pods that run until a test ends them."""
    return ScriptedKubelet(Script(ends_after=None))


@pytest.fixture(scope="module")
def shared_rig(kubelet: ScriptedKubelet) -> Iterator[KubernetesRig]:
    with KubernetesRig(kubelet=kubelet) as rig:
        yield rig


@pytest.fixture
def rig(
    shared_rig: KubernetesRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KubernetesRig]:
    """A cluster that the current context points to."""
    with pointing_to(shared_rig, tmp_path, monkeypatch) as rig:
        yield rig


@pytest.fixture
def empty_cluster(rig: KubernetesRig) -> Iterator[None]:
    """Nothing is left of a test."""
    yield
    for kind in ("Job", "Pod", "Secret"):
        for found in rig.objects(kind):
            with contextlib.suppress(ApiError):  # gone with its owner by now
                rig.delete(kind, found["metadata"]["name"], propagation="Background")
    rig.wait_until(lambda: not rig.objects("Pod"), "no pods")


@pytest.fixture
def client(rig: KubernetesRig) -> Client:
    return connect()


@pytest.fixture
def environment() -> KubernetesJobEnvironment:
    return KubernetesJobEnvironment(metadata={"image": "repo/flow:1"})


@pytest.fixture
def start(rig: KubernetesRig, environment: KubernetesJobEnvironment) -> Callable[[], FlowRun]:
    """Submit a run of the user's."""
    return lambda: submit(flows.add, environment=environment, parameters={"a": 1})
