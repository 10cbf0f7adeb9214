"""Who gets into the rig's API server, by which kubeconfig, and what is noted of requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes
import pytest
import urllib3
from kubernetes.client.rest import ApiException

from rigs.kubernetes import KubernetesRig, ScriptedKubelet
from rigs.kubernetes.clients import official_client, refusal
from rigs.kubernetes.manifests import job

# Their methods also take plain dicts, against their annotations.
client: Any = kubernetes.client


@pytest.fixture
def rig() -> Iterator[KubernetesRig]:
    with KubernetesRig(kubelet=ScriptedKubelet(), token="t0ken", user="tester") as rig:
        yield rig


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


def test_a_user_with_a_role_may_do_what_it_says_and_nothing_else(
    rig: KubernetesRig, batch: Any, core: Any
) -> None:
    rules = [
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["*"], "resourceNames": ["mine"]},
    ]
    grant = rig.access.grant(rules, user="tester", namespace="default")
    batch.create_namespaced_job("default", job(name="a"))
    for refused in (
        lambda: batch.list_namespaced_job("default"),
        lambda: batch.read_namespaced_job("a", "elsewhere"),
        lambda: batch.list_job_for_all_namespaces(),
        lambda: core.read_namespaced_pod("other", "default"),
        lambda: core.read_namespaced_pod_log("mine", "default"),
    ):
        with pytest.raises(ApiException) as caught:
            refused()
        assert caught.value.status == 403
    with pytest.raises(ApiException) as caught:
        core.read_namespaced_pod("mine", "default")
    assert caught.value.status == 404
    rig.access.take_back(grant)
    assert batch.list_namespaced_job("default").items


def test_an_access_review_knows_roles(rig: KubernetesRig, api: Any) -> None:
    rules = [{"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}]
    rig.access.grant(rules, user="tester")

    def allowed(verb: str, group: str, **asked: str) -> bool:
        attributes = {"verb": verb, "group": group, "namespace": "default", **asked}
        body = {"spec": {"resourceAttributes": attributes}}
        review = client.AuthorizationV1Api(api).create_self_subject_access_review(body)
        return bool(review.status.allowed)

    assert allowed("get", "", resource="pods", subresource="log")
    assert not allowed("get", "", resource="pods")
    assert not allowed("get", "batch", resource="pods", subresource="log")


@pytest.mark.parametrize(
    ("verb", "why"),
    [
        (
            "get",
            'User "tester" cannot get resource "pods/portforward" in API group "" in the '
            'namespace "default"',
        ),
        ("create", ""),  # measured on 1.36: it doesn't say what is missing
    ],
)
def test_forwarding_a_port_over_a_websocket_needs_two_verbs(
    rig: KubernetesRig, verb: str, why: str
) -> None:
    url = f"{rig.url}/api/v1/namespaces/default/pods/p/portforward?ports=80"
    with rig.access.denied(verb, "pods/portforward"):
        answer = urllib3.request("GET", url, headers={"Authorization": "Bearer t0ken"})
    assert answer.status == 403
    assert answer.json()["message"] == f'pods "p" is forbidden: {why}'
