"""A container that ends again and again is explained with what it wrote before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowenv_k8s.api.client import Client, connect
from flowenv_k8s.runs.logs import last_lines as module
from flowenv_k8s.runs.logs.last_lines import last_lines
from rigs.kubernetes import KubernetesRig
from rigs.kubernetes.manifests import pod, python

BOOM = "import sys; print('getting up'); sys.exit('boom')"


@pytest.fixture(scope="module")
def shared_rig() -> Iterator[KubernetesRig]:
    with KubernetesRig() as rig:
        manifest = pod(python(BOOM), name="crashing")
        manifest["spec"]["restartPolicy"] = "Always"
        rig.apply(manifest)
        rig.wait_for("Pod", "crashing", has_crashed)
        yield rig


@pytest.fixture
def client(
    shared_rig: KubernetesRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    monkeypatch.setenv("KUBECONFIG", str(shared_rig.kubeconfig(tmp_path / "kubeconfig")))
    monkeypatch.setattr(module, "_PAUSES", (0.0, 0.05, 0.1, 0.2))
    yield connect()
    shared_rig.faults.clear()


def has_crashed(found: dict[str, Any]) -> bool:
    statuses = found["status"].get("containerStatuses") or [{}]
    return bool(statuses[0].get("lastState"))


def test_they_are_those_of_the_container_before(client: Client) -> None:
    assert sorted(last_lines(client, "default", "crashing", "main", 10)) == ["boom", "getting up"]
    assert len(last_lines(client, "default", "crashing", "main", 1)) == 1


@pytest.mark.parametrize("times", [1, 2, 3])
def test_what_the_kubelet_says_instead_of_a_log_is_none(
    times: int, client: Client, shared_rig: KubernetesRig
) -> None:
    with shared_rig.faults.inject("log_unretrievable", times=times) as fault:
        assert "boom" in last_lines(client, "default", "crashing", "main", 10)
        assert fault.hits == times


def test_without_a_log_there_are_no_lines(client: Client, shared_rig: KubernetesRig) -> None:
    assert last_lines(client, "default", "nobody", "main", 10) == []
    with shared_rig.faults.inject("log_unretrievable", times=None):
        assert last_lines(client, "default", "crashing", "main", 10) == []
