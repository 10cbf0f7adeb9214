"""A run that copies a row's labels is named, and replaces none of this machine's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import flowenv
from flowenv import Batch, FlowRun, State
from flowenv.batches.rows import ROW
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment
from on_kubernetes.job_runs import complete, running
from rigs.kubernetes import KubernetesRig, ScriptedKubelet

pytestmark = pytest.mark.usefixtures("empty_cluster")
NOT_FROM_HERE = "1 of the runs that were found weren't submitted from here"


@pytest.fixture
def environment(rig: KubernetesRig) -> KubernetesJobEnvironment:
    return KubernetesJobEnvironment(metadata={"image": "repo/flow:1"})


@pytest.fixture
def submit(environment: KubernetesJobEnvironment) -> Callable[..., Batch]:
    def submit(**options: Any) -> Batch:
        return flowenv.map(flows.add, [{"a": 1}], environment=environment, name="days", **options)

    return submit


@pytest.fixture
def forge(
    environment: KubernetesJobEnvironment, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Batch], FlowRun]:
    """A run of a stranger, on a machine of theirs, with a row's labels."""

    def forge(batch: Batch) -> FlowRun:
        labels = ["batch=days", f"{ROW}{batch.rows[0].fingerprint}"]
        with monkeypatch.context() as theirs:
            theirs.setenv("FLOWENV_SUBMITTER", "eve@mill")
            theirs.setenv("FLOWENV_JOURNAL", "0")
            return flowenv.submit(flows.fail, environment=environment, labels=labels)

    return forge


def test_a_row_that_runs_isnt_taken_from_its_submitter(
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    submit: Callable[..., Batch],
    forge: Callable[[Batch], FlowRun],
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = submit()
    running(first.rows[0].run)
    evil = forge(first)
    complete(rig, kubelet, evil)
    assert evil.wait(20).state is State.COMPLETED
    again = submit()
    assert again.rows[0].reference == first.rows[0].reference
    assert NOT_FROM_HERE not in caplog.text
    complete(rig, kubelet, first.rows[0].run)
    assert submit().rows[0].reference == first.rows[0].reference


def test_a_row_that_a_stranger_says_has_completed_is_named(
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    submit: Callable[..., Batch],
    forge: Callable[[Batch], FlowRun],
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = submit()
    first.cancel()
    evil = forge(first)
    complete(rig, kubelet, evil)
    assert evil.wait(20).state is State.COMPLETED
    again = submit()
    assert again.rows[0].reference == evil.reference
    assert f"{NOT_FROM_HERE}, as far as this machine remembers" in caplog.text
    assert "name eve@mill." in caplog.text
    assert again.table()[0]["submitted_here"] is False
    assert submit(again=True).rows[0].is_own
