"""A place that a stranger's Job or task names is neither read nor deleted."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowenv import State, attach
from flowenv.errors import FlowenvError
from flowenv.plugin import payload_object
from flowenv.registry.registry import registry
from flowenv.serialization import storage
from flowenv_k8s import KubernetesJobEnvironment
from rigs.kubernetes import KubernetesRig, ScriptedKubelet

from .kubernetes_runs import running_pod

pytestmark = pytest.mark.usefixtures("empty_cluster")
RUN_ID = "00000000-1111-2222-3333-444444444444"


def strangers_job(place: str, run_id: str = RUN_ID, name: str = "strangers") -> dict[str, Any]:
    marks = {
        "labels": {"flowenv.io/run-id": run_id, "flowenv.io/flow": "nightly"},
        "annotations": {
            "flowenv.io/payload-url": place,
            "flowenv.io/payload": place,
            "flowenv.io/flow": "nightly",
        },
    }
    pod = {"restartPolicy": "Never", "containers": [{"name": "flow", "image": "repo/flow:1"}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "default", **copy.deepcopy(marks)},
        "spec": {"backoffLimit": 0, "template": {"metadata": marks, "spec": pod}},
    }


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URLs that are opened."""
    found: list[str] = []
    really = storage._open

    def watched(url: str) -> Any:
        found.append(url)
        return really(url)

    monkeypatch.setattr(storage, "_open", watched)
    return found


@pytest.fixture
def treasure(tmp_path: Path) -> Path:
    """A file of the user's."""
    file = tmp_path / "treasure"
    file.write_text("mine")
    return file


@pytest.fixture(params=["file://{}", "{}", "reference://::http://127.0.0.1:9/", "dask://{}"])
def place(request: pytest.FixtureRequest, treasure: Path) -> str:
    return str(request.param).format(treasure)


@pytest.fixture
def ended_job(rig: KubernetesRig, kubelet: ScriptedKubelet, place: str) -> None:
    """A stranger's Job that is over."""
    rig.apply(strangers_job(place))
    kubelet.end(running_pod(rig, "strangers"), message=strangers_record(place))
    rig.wait_for("Job", "strangers", lambda job: job["status"].get("completionTime"))


def strangers_record(place: str) -> str:
    told = {"run": RUN_ID, "state": "Completed", "result_type": "x"}
    return json.dumps({**told, "result_url": place, "stored": place})


@pytest.mark.parametrize("configured", [False, True])
class TestAJobThatNamesAPlace:
    @pytest.fixture(autouse=True)
    def _configured(self, configured: bool, configure: Callable[..., None], tmp_path: Path) -> None:
        if configured:
            configure(
                payload_url=f"file://{tmp_path}/payloads", results_url=f"file://{tmp_path}/results"
            )

    def test_is_looked_at_without_opening_it(
        self,
        ended_job: None,
        environment: KubernetesJobEnvironment,
        opened: list[str],
        treasure: Path,
    ) -> None:
        run = attach(RUN_ID, environment)
        assert run.refresh().state is State.COMPLETED
        list(run.logs())
        with contextlib.suppress(FlowenvError):
            assert run.result(allow_pickle=True) is None
        assert treasure.read_text() == "mine"
        assert not [url for url in opened if "treasure" in url or "127.0.0.1" in url]

    def test_is_swept_without_deleting_there(
        self,
        ended_job: None,
        environment: KubernetesJobEnvironment,
        opened: list[str],
        treasure: Path,
    ) -> None:
        hook = registry().hooks("k8s").hook
        left = list(hook.flowenv_sweep(environment=environment, older_than=0.0, delete=True))
        assert [(one.kind, one.removed) for one in left if one.run_id == RUN_ID] == [("Job", True)]
        assert treasure.read_text() == "mine"
        assert not opened


def test_a_job_that_claims_anothers_run_does_not_remove_its_payload(
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    environment: KubernetesJobEnvironment,
    configure: Callable[..., None],
    tmp_path: Path,
) -> None:
    configure(payload_url=f"file://{tmp_path}")
    payload = Path(payload_object(f"file://{tmp_path}", RUN_ID).removeprefix("file://"))
    payload.write_text("mine")
    for name in ("own", "strangers"):
        rig.apply(strangers_job("stored", name=name))
    for name in ("strangers", "own"):
        assert payload.read_text() == "mine"
        kubelet.end(running_pod(rig, name), message=strangers_record("x"))
        run = attach(f"default/{name}", environment)
        assert run.wait(20).state is State.COMPLETED
        assert payload.exists() is (name == "strangers")
        run.delete()
        rig.wait_until(lambda name=name: not rig.find("Job", name), "the Job being gone")
    assert not payload.exists()
