"""Clusters that can't start: the run's status says why, in time, and nothing is left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowenv.errors import PlatformError
from flowenv.plugin import Reason, State, Status
from on_kubernetes.dask_runs import IMAGE, PATIENCE, nothing_stays, of_runs, submit
from rigs.kubernetes import Image, KubernetesRig
from rigs.kubernetes.dask_operator import DaskOperator, install_definitions

pytestmark = pytest.mark.slow


@pytest.fixture
def without_operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesRig]:
    """A cluster where pods run and nobody has installed the operator."""
    with KubernetesRig(images={IMAGE: Image()}) as rig:
        monkeypatch.setenv("KUBECONFIG", str(rig.kubeconfig(tmp_path / "kubeconfig")))
        yield rig


def test_without_the_operators_types_nothing_is_submitted(without_operator: KubernetesRig) -> None:
    with pytest.raises(PlatformError, match="There is no Dask operator") as caught:
        submit("scheduler")

    assert "helm install --repo https://helm.dask.org" in caught.value.hint
    assert without_operator.requests.count(method="POST") == 0


def test_types_that_go_after_the_run_was_submitted_are_named_in_its_status(
    without_operator: KubernetesRig,
) -> None:
    install_definitions(without_operator)
    with without_operator.faults.inject("image_pull") as fault:
        run = submit("scheduler")
        fault.wait_until_hit()
        for one in without_operator.objects("CustomResourceDefinition"):
            without_operator.delete("CustomResourceDefinition", one["metadata"]["name"])

    status = run.wait(PATIENCE)

    assert (status.state, status.reason) == (State.CRASHED, Reason.CONFIGURATION)
    assert "There is no Dask operator in this Kubernetes" in status.message
    assert "helm install --repo https://helm.dask.org" in status.hint


def test_an_operator_that_looks_after_other_namespaces_only_is_named(
    operated: KubernetesRig,
) -> None:
    operated.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "elsewhere"}})

    run = submit("scheduler", {"namespace": "elsewhere", "cluster_deadline": 1})

    status = run.wait(PATIENCE)
    assert (status.state, status.reason) == (State.CRASHED, Reason.DEADLINE)
    assert "The Dask operator has not answered: 1 s after" in status.message
    assert "does it look after this namespace?" in status.hint
    assert of_runs(operated, "DaskCluster") == []
    operated.delete("Namespace", "elsewhere")


# -- pods that don't come: the runs go on at the same time, as most of it is waiting -------

CASES: dict[str, tuple[dict[str, Any], Reason, str]] = {
    "the scheduler's image": (
        {"cluster_deadline": 5},
        Reason.IMAGE_PULL,
        r"The Dask scheduler \S+ was not up after 5 s: .*repo/flow:1",
    ),
    "a quota and the scheduler": (
        {"cluster_deadline": 5},
        Reason.QUOTA,
        "The Dask scheduler was not up after 5 s: .*exceeded quota: compute",
    ),
    "a quota and workers": (
        {"min_workers": 1, "worker_deadline": 3},
        Reason.QUOTA,
        "The Dask worker was not up after 3 s: .*exceeded quota: compute",
    ),
    "the size of workers": (
        {"min_workers": 1, "worker_deadline": 3, "worker_resources": {"requests": {"cpu": "64"}}},
        Reason.UNSCHEDULABLE,
        r"The Dask worker \S+ was not up after 3 s: .*Insufficient cpu",
    ),
}


@pytest.fixture(scope="module")
def ends(
    rig_and_operator: tuple[KubernetesRig, DaskOperator],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Status]:
    """How the runs of all cases end."""
    rig, _ = rig_and_operator
    with nothing_stays(rig, tmp_path_factory.mktemp("cases")):
        runs = {case: submit("scheduler", settings) for case, (settings, _, _) in CASES.items()}
        pods = {
            case: f"flowenv.io/run-id={run.id},dask.org/component=" for case, run in runs.items()
        }
        inject = rig.faults.inject
        inject("image_pull", label_selector=pods["the scheduler's image"] + "scheduler")
        inject("quota", label_selector=pods["a quota and the scheduler"] + "scheduler")
        inject("quota", label_selector=pods["a quota and workers"] + "worker")
        return {case: run.wait(PATIENCE) for case, run in runs.items()}


@pytest.mark.parametrize("case", CASES)
def test_pods_that_do_not_come_are_explained_in_the_runs_status(
    case: str, ends: dict[str, Status]
) -> None:
    _, reason, words = CASES[case]
    assert (ends[case].state, ends[case].reason) == (State.CRASHED, reason)
    assert re.search(words, ends[case].message)
