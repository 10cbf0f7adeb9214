from __future__ import annotations

from collections.abc import Callable

import pytest

from flowenv import submit
from flowenv.plugin import FlowRun
from flowenv.remote import outages
from flowenv.remote.retries import Retries
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment
from on_kubernetes.job_runs import pod_of
from on_kubernetes.log_reader import Reader
from rigs.kubernetes import KubernetesRig, Script, ScriptedKubelet


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that was cut can be had again at once here, so nobody has to wait long for it."""
    monkeypatch.setattr(outages, "_PAUSES", Retries(first=0.01, longest=0.05))


@pytest.fixture(scope="module")
def kubelet() -> ScriptedKubelet:
    """Starts and ends containers when a test says so."""
    return ScriptedKubelet(Script(starts_after=None, ends_after=None))


@pytest.fixture
def run(environment: Callable[..., KubernetesJobEnvironment], rig: KubernetesRig) -> FlowRun:
    return submit(flows.add, environment=environment(), parameters={"a": 1})


@pytest.fixture
def reader(run: FlowRun, rig: KubernetesRig) -> Reader:
    """Reads the run's log from before its container runs."""
    return Reader(run, rig)


@pytest.fixture
def pod(rig: KubernetesRig, kubelet: ScriptedKubelet, run: FlowRun) -> str:
    """The name of the run's pod, whose container runs."""
    name = pod_of(rig, run)
    kubelet.run(name)
    return name
