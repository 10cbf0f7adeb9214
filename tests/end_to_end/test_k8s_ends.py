"""How runs end on Kubernetes: what is said of them, by whoever asks, now and later.

On the Kubernetes rig; on a real cluster when `FLOWENV_TEST_KUBECONFIG` and `FLOWENV_TEST_IMAGE`
are set.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import flowenv
from flowenv.errors import ResultUnavailable
from flowenv.flows.finding import load_target
from flowenv.plugin import FlowRun, Reason, State
from flowenv_k8s import KubernetesJobEnvironment
from on_kubernetes.clean_slate import clean_slate
from on_kubernetes.cluster_under_test import (
    IMAGE,
    KUBECONFIG,
    PATIENCE,
    ClusterUnderTest,
    cluster_under_test,
)
from rigs.kubernetes import Image, KubernetesRig

FLOWS = """
    import os, time
    from flowenv import flow

    @flow
    def vanish():
        os._exit(0)

    @flow
    def large():
        return "x" * 3900

    @flow
    def fail():
        raise ValueError("no data for today " * 200)

    @flow
    def wait():
        print("waiting", flush=True)
        time.sleep(600)
"""
Submit = Callable[..., FlowRun]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    with clean_slate(monkeypatch, tmp_path):
        yield


@pytest.fixture(scope="module")
def rig() -> Iterator[KubernetesRig | None]:
    if KUBECONFIG:
        yield None
        return
    with KubernetesRig(images={IMAGE: Image()}) as made:
        yield made


@pytest.fixture
def cluster(
    rig: KubernetesRig | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ClusterUnderTest]:
    with cluster_under_test(rig, tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def submit(cluster: ClusterUnderTest, tmp_path: Path) -> Iterator[Submit]:
    """Submits a flow of the above; its Job is removed at the end."""
    path = tmp_path / "ending_flows.py"
    path.write_text(textwrap.dedent(FLOWS))
    runs: list[FlowRun] = []

    def submit(name: str, **settings: Any) -> FlowRun:
        environment = KubernetesJobEnvironment(metadata={"image": IMAGE}, **settings)
        runs.append(flowenv.submit(load_target(f"{path}:{name}"), environment=environment))
        return runs[-1]

    yield submit
    for run in runs:
        cluster.delete("Job", run.reference.partition("/")[2])


def in_pod(**spec: Any) -> dict[str, Any]:
    """A Job's manifest with these fields of the pod."""
    return {"spec": {"template": {"spec": spec}}}


def others(count: int) -> list[dict[str, Any]]:
    """Init containers that end at once."""
    one = {"image": IMAGE, "command": ["python", "-c", "pass"]}
    return [{**one, "name": f"init-{index}"} for index in range(count)]


# -- what comes back ---------------------------------------------------------------------------


def test_a_process_that_ends_with_0_without_a_word_has_crashed(submit: Submit) -> None:
    run = submit("vanish")
    status = run.wait(PATIENCE)
    assert (status.state, status.reason) == (State.CRASHED, Reason.EXITED)
    assert flowenv.attach(run.reference, run.environment).refresh() == status


def test_of_a_pod_with_many_containers_a_large_result_stays_behind(submit: Submit) -> None:
    run = submit("large", job_spec=in_pod(containers=[{}], initContainers=others(3)))
    assert run.wait(PATIENCE).state is State.COMPLETED
    with pytest.raises(ResultUnavailable, match=r"\(str\).*stayed behind"):
        run.result()


def test_of_a_pod_with_many_containers_the_flows_error_comes_back(submit: Submit) -> None:
    run = submit("fail", job_spec=in_pod(containers=[{}], initContainers=others(5)))
    status = run.wait(PATIENCE)
    assert (status.state, status.message[:24]) == (State.FAILED, "ValueError: no data for ")


def test_the_users_file_can_not_do_without_the_message_path(submit: Submit) -> None:
    run = submit("large", job_spec=in_pod(containers=[{"terminationMessagePath": None}]))
    assert run.result(PATIENCE) == "x" * 3900
