"""The rig's API server, as the official client sees it: what it makes, refuses and lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import kubernetes
import pytest
from kubernetes.client.rest import ApiException

from rigs.kubernetes import KubernetesRig, ScriptedKubelet
from rigs.kubernetes.clients import refusal
from rigs.kubernetes.manifests import config_map, container, job, pod, secret

# Their methods also take plain dicts, against their annotations.
client: Any = kubernetes.client

THINGS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.example.org"},
    "spec": {
        "group": "example.org",
        "scope": "Namespaced",
        "names": {"kind": "Thing", "plural": "things", "singular": "thing"},
        "versions": [{"name": "v1", "served": True, "storage": True}],
    },
}


@pytest.fixture
def rig() -> Iterator[KubernetesRig]:
    with KubernetesRig(kubelet=ScriptedKubelet(), token="t0ken", user="tester") as rig:
        yield rig


def names(answer: Any) -> list[str]:
    return [item.metadata.name for item in answer.items]


def test_says_its_version(api: Any) -> None:
    assert client.VersionApi(api).get_code().git_version == "v1.33.1"


def test_lists_the_resources_of_a_group(api: Any) -> None:
    listed = client.BatchV1Api(api).get_api_resources()
    assert [item.name for item in listed.resources] == ["jobs", "jobs/status"]


def test_a_created_object_has_what_the_server_sets(batch: Any) -> None:
    made = batch.create_namespaced_job("default", job(name="a")).metadata
    assert (made.name, made.namespace, made.generation) == ("a", "default", 1)
    assert made.uid
    assert made.resource_version
    assert made.creation_timestamp


def test_defaults_of_a_job_are_filled_in(batch: Any) -> None:
    manifest = job(name="a")
    del manifest["spec"]["backoffLimit"]
    made = batch.create_namespaced_job("default", manifest).spec
    assert (made.backoff_limit, made.completions, made.parallelism) == (6, 1, 1)


def test_string_data_of_a_secret_is_stored_as_data(core: Any) -> None:
    made = core.create_namespaced_secret("default", secret("s", key="value"))
    assert made.data == {"key": "dmFsdWU="}
    assert made.string_data is None


def test_a_name_that_is_taken_is_a_conflict(batch: Any) -> None:
    batch.create_namespaced_job("default", job(name="a"))
    with pytest.raises(ApiException) as caught:
        batch.create_namespaced_job("default", job(name="a"))
    assert caught.value.status == 409
    assert refusal(caught.value)["reason"] == "AlreadyExists"
    assert refusal(caught.value)["message"] == 'jobs.batch "a" already exists'


def test_an_object_that_is_not_there_is_not_found(core: Any) -> None:
    with pytest.raises(ApiException) as caught:
        core.read_namespaced_pod("a", "default")
    assert caught.value.status == 404
    assert refusal(caught.value)["message"] == 'pods "a" not found'


def test_a_namespace_must_exist(core: Any) -> None:
    with pytest.raises(ApiException) as caught:
        core.create_namespaced_config_map("nowhere", config_map())
    assert caught.value.status == 404
    assert refusal(caught.value)["message"] == 'namespaces "nowhere" not found'


def test_a_new_namespace_can_be_used(core: Any) -> None:
    core.create_namespace({"metadata": {"name": "mine"}})
    core.create_namespaced_config_map("mine", config_map("a"))
    assert core.read_namespaced_config_map("a", "mine").metadata.namespace == "mine"
    assert core.read_namespaced_service_account("default", "mine").metadata.name == "default"


def test_generate_name_adds_five_characters(core: Any) -> None:
    made = core.create_namespaced_config_map("default", {"metadata": {"generateName": "run-"}})
    assert made.metadata.name.startswith("run-")
    assert len(made.metadata.name) == len("run-") + 5


def test_a_long_generate_name_is_cut_to_63_characters(core: Any) -> None:
    body = {"metadata": {"generateName": "a" * 100}}
    assert len(core.create_namespaced_config_map("default", body).metadata.name) == 63


@pytest.mark.parametrize(
    ("manifest", "field"),
    [
        (job(name="Upper"), "metadata.name"),
        (job(name="a" * 64), "spec.template.labels"),
        (job(name="a", labels={"k": "not valid"}), "metadata.labels"),
        (job(name="a", labels={"k": "v" * 64}), "metadata.labels"),
        (job(name="a", labels={"/k": "v"}), "metadata.labels"),
        (job(name="a", restart_policy="Always"), "spec.template.spec.restartPolicy"),
        (job(container(name="x"), container(name="x")), "spec.template.spec.containers[1].name"),
        (job(container(image="")), "spec.template.spec.containers[0].image"),
        (
            job(container(volumeMounts=[{"name": "v", "mountPath": "/v"}])),
            "spec.template.spec.containers[0].volumeMounts[0].name",
        ),
    ],
)
def test_what_is_not_valid_is_refused_with_its_field(
    batch: Any, manifest: dict[str, Any], field: str
) -> None:
    with pytest.raises(ApiException) as caught:
        batch.create_namespaced_job("default", manifest)
    said = refusal(caught.value)
    assert (said["code"], said["reason"]) == (422, "Invalid")
    assert field in [cause["field"] for cause in said["details"]["causes"]]
    assert said["message"].startswith('Job.batch "')


def test_a_value_and_a_value_from_together_are_refused(batch: Any) -> None:
    source = {"fieldRef": {"fieldPath": "metadata.name"}}
    entry = {"name": "A", "value": "1", "valueFrom": source}
    with pytest.raises(ApiException) as caught:
        batch.create_namespaced_job("default", job(container() | {"env": [entry]}))
    # pkg/apis/core/validation/validation.go, validateEnvVarValueFrom
    assert "may not be specified when `value` is not empty" in refusal(caught.value)["message"]


def test_a_secret_over_one_mebibyte_is_refused(core: Any) -> None:
    with pytest.raises(ApiException) as caught:
        core.create_namespaced_secret("default", secret("s", key="x" * (1024 * 1024 + 1)))
    assert caught.value.status == 422


def test_a_request_over_three_mebibytes_is_refused(core: Any) -> None:
    with pytest.raises(ApiException) as caught:
        core.create_namespaced_config_map("default", config_map("c", key="x" * (3 * 1024 * 1024)))
    assert caught.value.status == 413


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("a=1", ["one"]),
        ("a==1", ["one"]),
        ("a!=1", ["three", "two"]),
        ("a in (1, 2)", ["one", "two"]),
        ("a notin (1,2)", ["three"]),
        ("b", ["two"]),
        ("!b", ["one", "three"]),
        ("a in (1,2),!b", ["one"]),
    ],
)
def test_label_selectors(core: Any, selector: str, expected: list[str]) -> None:
    for name, labels in (("one", {"a": "1"}), ("two", {"a": "2", "b": ""}), ("three", {})):
        body = {"metadata": {"name": name, "labels": labels}, "data": {}}
        core.create_namespaced_config_map("default", body)
    found = names(core.list_namespaced_config_map("default", label_selector=selector))
    assert found == expected


def test_pods_are_selected_by_phase(rig: KubernetesRig, core: Any) -> None:
    core.create_namespaced_pod("default", pod(name="a"))
    rig.wait_for("Pod", "a", lambda pod: pod["status"]["phase"] == "Succeeded")
    listed = core.list_namespaced_pod("default", field_selector="status.phase=Succeeded")
    assert names(listed) == ["a"]
    other = core.list_namespaced_pod("default", field_selector="status.phase!=Succeeded")
    assert names(other) == []


def test_a_field_that_cannot_be_selected_is_refused(core: Any) -> None:
    with pytest.raises(ApiException) as caught:
        core.list_namespaced_pod("default", field_selector="spec.nothing=1")
    assert refusal(caught.value)["message"] == "field label not supported: spec.nothing"


def test_a_list_comes_in_pages(core: Any) -> None:
    for index in range(5):
        core.create_namespaced_config_map("default", config_map(f"c{index}"))
    found: list[str] = []
    token = None
    while True:
        page = core.list_namespaced_config_map("default", limit=2, _continue=token)
        assert len(page.items) <= 2
        found += names(page)
        token = page.metadata._continue
        if not token:
            break
    assert found == [f"c{index}" for index in range(5)]


def test_a_custom_resource_exists_after_its_definition(api: Any) -> None:
    custom = client.CustomObjectsApi(api)
    where = ("example.org", "v1", "default", "things")
    with pytest.raises(ApiException) as caught:
        custom.list_namespaced_custom_object(*where)
    assert caught.value.status == 404
    client.ApiextensionsV1Api(api).create_custom_resource_definition(THINGS)
    body = {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "a"}}
    custom.create_namespaced_custom_object(*where, body)
    changed = custom.patch_namespaced_custom_object(*where, "a", {"spec": {"size": 3}})
    assert changed["spec"] == {"size": 3}
    assert changed["metadata"]["generation"] == 2


def test_a_strategic_patch_of_a_custom_resource_is_refused(rig: KubernetesRig, api: Any) -> None:
    rig.apply(THINGS)
    rig.apply({"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "a"}})
    with pytest.raises(ApiException) as caught:
        client.CustomObjectsApi(api).patch_namespaced_custom_object(
            *("example.org", "v1", "default", "things", "a", {}),
            _content_type="application/strategic-merge-patch+json",
        )
    assert caught.value.status == 415
