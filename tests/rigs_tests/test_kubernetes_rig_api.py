"""The rig's API server, as the official client sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes
import pytest
import urllib3
from kubernetes.client.rest import ApiException

from rigs.kubernetes import KubernetesRig, ScriptedKubelet
from rigs.kubernetes.clients import official_client
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


@pytest.fixture
def api(rig: KubernetesRig, tmp_path: Path) -> Iterator[Any]:
    with official_client(rig, tmp_path) as api:
        yield api


@pytest.fixture
def core(api: Any) -> Any:
    return client.CoreV1Api(api)


@pytest.fixture
def batch(api: Any) -> Any:
    return client.BatchV1Api(api)


def refusal(error: ApiException) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(str(error.body))
    return body


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


def test_status_is_written_through_its_own_path_only(core: Any) -> None:
    core.create_namespaced_service("default", {"metadata": {"name": "s"}, "spec": {}})
    body = {"status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}}
    assert not core.patch_namespaced_service("s", "default", body).status.load_balancer.ingress
    written = core.patch_namespaced_service_status("s", "default", body)
    assert written.status.load_balancer.ingress[0].ip == "1.2.3.4"


def test_nulls_are_not_stored(rig: KubernetesRig, core: Any) -> None:
    core.create_namespaced_config_map("default", {"metadata": {"name": "a"}, "data": None})
    assert "data" not in rig.get("ConfigMap", "a")


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


def test_without_the_token_nobody_gets_in(rig: KubernetesRig) -> None:
    answer = urllib3.request("GET", f"{rig.url}/api/v1/pods")
    assert answer.status == 401
    assert answer.json()["message"] == "Unauthorized"


def test_an_old_token_is_refused_and_the_kubeconfig_has_the_new_one(
    rig: KubernetesRig, core: Any, tmp_path: Path
) -> None:
    rig.rotate_token()
    with pytest.raises(ApiException) as caught:
        core.list_namespaced_pod("default")
    assert caught.value.status == 401
    with official_client(rig, tmp_path) as renewed:
        assert client.CoreV1Api(renewed).list_namespaced_pod("default").items == []


def test_what_is_denied_is_forbidden_in_the_servers_words(
    rig: KubernetesRig, batch: Any, core: Any
) -> None:
    # k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go (forbiddenMessage)
    with rig.access.denied("create", "jobs"), pytest.raises(ApiException) as caught:
        batch.create_namespaced_job("default", job())
    assert caught.value.status == 403
    assert refusal(caught.value)["message"] == (
        'jobs.batch is forbidden: User "tester" cannot create resource "jobs" in API group '
        '"batch" in the namespace "default"'
    )
    with rig.access.denied("get", "pods/log"), pytest.raises(ApiException) as caught:
        core.read_namespaced_pod_log("p", "default")
    assert refusal(caught.value)["message"] == (
        'pods "p" is forbidden: User "tester" cannot get resource "pods/log" in API group "" '
        'in the namespace "default"'
    )


def test_an_access_review_says_what_is_denied(rig: KubernetesRig, api: Any) -> None:
    def allowed(verb: str, resource: str) -> bool:
        attributes = {"verb": verb, "group": "batch", "resource": resource, "namespace": "default"}
        body = {"spec": {"resourceAttributes": attributes}}
        review = client.AuthorizationV1Api(api).create_self_subject_access_review(body)
        return bool(review.status.allowed)

    rig.access.deny("delete", "jobs", namespace="default")
    assert allowed("create", "jobs")
    assert not allowed("delete", "jobs")


def test_requests_are_noted_for_tests_that_count(rig: KubernetesRig, batch: Any) -> None:
    batch.create_namespaced_job("default", job(name="a"))
    batch.list_namespaced_job("default", label_selector="a=1")
    created, listed = rig.requests.select(resource="jobs")
    assert (created.verb, created.namespace, created.status) == ("create", "default", 201)
    assert (listed.verb, listed.query, listed.user) == ("list", {"labelSelector": "a=1"}, "tester")
    assert "OpenAPI-Generator" in listed.user_agent
    assert rig.requests.count(verb="create", resource="jobs") == 1


def test_counting_by_a_field_that_requests_lack_is_an_error(rig: KubernetesRig) -> None:
    with pytest.raises(TypeError, match="a request has no colour"):
        rig.requests.count(colour="red")


def test_a_kubeconfig_can_hold_several_contexts(rig: KubernetesRig, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    rig.kubeconfig(path, context="one", namespace="a")
    rig.kubeconfig(path, context="two", namespace="b")
    configuration: Any = kubernetes.config
    contexts, active = configuration.list_kube_config_contexts(str(path))
    namespaces = {item["name"]: item["context"]["namespace"] for item in contexts}
    assert namespaces == {"one": "a", "two": "b"}
    assert active["name"] == "two"


def test_the_server_also_talks_https(rig: KubernetesRig, tmp_path: Path) -> None:
    with official_client(rig, tmp_path, tls=True) as api:
        assert client.CoreV1Api(api).list_namespace().items
