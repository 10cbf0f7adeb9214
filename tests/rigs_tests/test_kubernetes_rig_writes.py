"""Changing objects through the rig's API server: conflicts, patches, what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.client.rest import ApiException

from rigs.kubernetes import KubernetesRig, ScriptedKubelet
from rigs.kubernetes.clients import refusal
from rigs.kubernetes.manifests import config_map, job


@pytest.fixture
def rig() -> Iterator[KubernetesRig]:
    with KubernetesRig(kubelet=ScriptedKubelet(), token="t0ken", user="tester") as rig:
        yield rig


def test_the_template_of_a_job_is_immutable(batch: Any) -> None:
    batch.create_namespaced_job("default", job(name="a"))
    body = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "other"}]}}}}
    with pytest.raises(ApiException) as caught:
        batch.patch_namespaced_job("a", "default", body)
    assert "field is immutable" in refusal(caught.value)["message"]


def test_a_write_based_on_an_old_version_is_a_conflict(core: Any) -> None:
    old = core.create_namespaced_config_map("default", config_map("a", key="1"))
    core.patch_namespaced_config_map("a", "default", {"data": {"key": "2"}})
    old.data = {"key": "3"}
    with pytest.raises(ApiException) as caught:
        core.replace_namespaced_config_map("a", "default", old)
    assert caught.value.status == 409
    assert "the object has been modified" in refusal(caught.value)["message"]


def test_a_write_that_changes_nothing_keeps_the_version(core: Any) -> None:
    made = core.create_namespaced_config_map("default", config_map("a", key="1"))
    again = core.patch_namespaced_config_map("a", "default", {"data": {"key": "1"}})
    assert again.metadata.resource_version == made.metadata.resource_version


def test_a_patch_removes_a_label_by_null(batch: Any) -> None:
    batch.create_namespaced_job("default", job(name="a", labels={"x": "1", "y": "2"}))
    body = {"metadata": {"labels": {"x": None}}}
    assert batch.patch_namespaced_job("a", "default", body).metadata.labels == {"y": "2"}


def test_a_json_patch_is_applied_step_by_step(core: Any) -> None:
    core.create_namespaced_config_map("default", config_map("a", one="1", two="2"))
    operations = [
        {"op": "test", "path": "/data/one", "value": "1"},
        {"op": "replace", "path": "/data/one", "value": "3"},
        {"op": "remove", "path": "/data/two"},
    ]
    assert core.patch_namespaced_config_map("a", "default", operations).data == {"one": "3"}


def test_a_json_patch_whose_test_fails_changes_nothing(core: Any) -> None:
    core.create_namespaced_config_map("default", config_map("a", one="1"))
    operations = [{"op": "test", "path": "/data/one", "value": "other"}]
    with pytest.raises(ApiException) as caught:
        core.patch_namespaced_config_map("a", "default", operations)
    assert caught.value.status == 422


def test_applying_creates_and_then_changes(core: Any) -> None:
    for value in ("1", "2"):
        core.patch_namespaced_config_map(
            "a",
            "default",
            config_map("a", key=value),
            field_manager="test",
            _content_type="application/apply-patch+yaml",
        )
    assert core.read_namespaced_config_map("a", "default").data == {"key": "2"}


def test_status_is_written_through_its_own_path_only(core: Any) -> None:
    core.create_namespaced_service("default", {"metadata": {"name": "s"}, "spec": {}})
    body = {"status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}}
    assert not core.patch_namespaced_service("s", "default", body).status.load_balancer.ingress
    written = core.patch_namespaced_service_status("s", "default", body)
    assert written.status.load_balancer.ingress[0].ip == "1.2.3.4"


def test_nulls_are_not_stored(rig: KubernetesRig, core: Any) -> None:
    core.create_namespaced_config_map("default", {"metadata": {"name": "a"}, "data": None})
    assert "data" not in rig.get("ConfigMap", "a")
