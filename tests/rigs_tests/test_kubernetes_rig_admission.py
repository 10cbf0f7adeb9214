"""What the rig's cluster refuses to take although it's valid; words as measured on 1.36."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import kubernetes
import pytest
import urllib3
from kubernetes.client.rest import ApiException

from rigs.kubernetes import KubernetesRig, Manifest, Timing
from rigs.kubernetes.clients import refusal
from rigs.kubernetes.manifests import config_map, container, job, pod
from rigs.kubernetes.objects import has_ended

client: Any = kubernetes.client

LACKS_ALL = (
    'violates PodSecurity "restricted:latest": '
    'allowPrivilegeEscalation != false (container "main" must set '
    "securityContext.allowPrivilegeEscalation=false), "
    'unrestricted capabilities (container "main" must set '
    'securityContext.capabilities.drop=["ALL"]), '
    'runAsNonRoot != true (pod or container "main" must set securityContext.runAsNonRoot=true), '
    'seccompProfile (pod or container "main" must set securityContext.seccompProfile.type to '
    '"RuntimeDefault" or "Localhost")'
)
LACKS_MUCH = (
    'violates PodSecurity "restricted:latest": host namespaces (hostNetwork=true), '
    'hostPort (container "side" uses hostPort 80), '
    'privileged (container "i1" must not set securityContext.privileged=true), '
    'allowPrivilegeEscalation != false (containers "i1", "main", "side" must set '
    "securityContext.allowPrivilegeEscalation=false), "
    'unrestricted capabilities (containers "i1", "main", "side" must set '
    'securityContext.capabilities.drop=["ALL"]; container "i1" must not include "SYS_ADMIN" in '
    "securityContext.capabilities.add), "
    'restricted volume types (volumes "h", "h2" use restricted volume type "hostPath"), '
    'runAsNonRoot != true (pod or containers "i1", "main", "side" must set '
    "securityContext.runAsNonRoot=true), "
    'runAsUser=0 (container "i1" must not set runAsUser=0), '
    'seccompProfile (pod or containers "i1", "main", "side" must set '
    'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
)
PASSES = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
POD_PASSES = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


@pytest.fixture
def rig() -> Iterator[KubernetesRig]:
    with KubernetesRig(timing=Timing(job_backoff=0.05)) as rig:
        yield rig


@pytest.fixture
def strict(rig: KubernetesRig) -> str:
    """Return the name of a namespace that enforces ``restricted``."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": "strict", "labels": labels}
    rig.apply({"kind": "Namespace", "apiVersion": "v1", "metadata": metadata})
    return "strict"


def refused(rig: KubernetesRig, manifest: Manifest, namespace: str) -> str:
    """Create a Job and return what keeps its pods from being made."""
    rig.apply(manifest, namespace)

    def events() -> list[str]:
        found = rig.objects("Event", namespace, field_selector="involvedObject.kind=Job")
        return [event["message"] for event in found if event["reason"] == "FailedCreate"]

    message = rig.wait_until(events, "a refusal")[0]
    status = rig.get("Job", "job", namespace)["status"]
    assert ("active" in status, status.get("conditions")) == (False, None)
    assert rig.pods_of("job", namespace) == []
    return message


def test_a_job_is_taken_and_its_pods_are_refused(rig: KubernetesRig, strict: str) -> None:
    message = refused(rig, job(), strict)
    start, _, why = message.partition(" is forbidden: ")
    assert start.startswith('Error creating: pods "job-')
    assert why == LACKS_ALL


def test_everything_that_is_not_restricted_is_named(rig: KubernetesRig, strict: str) -> None:
    context = {"privileged": True, "runAsUser": 0, "capabilities": {"add": ["SYS_ADMIN"]}}
    host_path = {"hostPath": {"path": "/nope"}}
    spec = {
        "hostNetwork": True,
        "volumes": [{"name": "h", **host_path}, {"name": "h2", **host_path}],
        "initContainers": [container(name="i1", securityContext=context)],
    }
    side = container(name="side", ports=[{"containerPort": 80, "hostPort": 80}])
    message = refused(rig, job(container(), side, pod_spec=spec), strict)
    assert message.partition(" is forbidden: ")[2] == LACKS_MUCH


def test_a_pod_is_refused_by_the_server(rig: KubernetesRig, strict: str, core: Any) -> None:
    with pytest.raises(ApiException) as caught:
        core.create_namespaced_pod(strict, pod())
    assert caught.value.status == 403
    assert refusal(caught.value)["message"] == f'pods "pod" is forbidden: {LACKS_ALL}'


def test_who_makes_a_job_is_warned(rig: KubernetesRig, strict: str) -> None:
    url = f"{rig.url}/apis/batch/v1/namespaces/{strict}/jobs"
    answer = urllib3.request("POST", url, json=job())
    assert answer.status == 201
    warned = LACKS_ALL.replace("violates", "would violate", 1).replace('"', '\\"')
    assert answer.headers["Warning"] == f'299 - "{warned}"'


@pytest.mark.parametrize("in_container", [True, False])
def test_a_restricted_job_runs(rig: KubernetesRig, strict: str, in_container: bool) -> None:
    own = {**PASSES, **(POD_PASSES if in_container else {})}
    spec = {} if in_container else {"securityContext": POD_PASSES}
    rig.apply(job(container(securityContext=own), pod_spec=spec), strict)
    rig.wait_for("Job", "job", has_ended, strict)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (
            {"serviceAccountName": "nope"},
            'error looking up service account default/nope: serviceaccount "nope" not found',
        ),
        ({"priorityClassName": "nope"}, "no PriorityClass with name nope was found"),
    ],
)
def test_what_a_pod_names_must_be_there(
    rig: KubernetesRig, field: dict[str, str], words: str
) -> None:
    message = refused(rig, job(pod_spec=field), "default")
    assert message == f'Error creating: pods "job-" is forbidden: {words}'


def test_pods_are_made_once_their_account_is_there(rig: KubernetesRig) -> None:
    refused(rig, job(pod_spec={"serviceAccountName": "late"}), "default")
    rig.apply({"kind": "ServiceAccount", "apiVersion": "v1", "metadata": {"name": "late"}})
    rig.wait_for("Job", "job", has_ended)


def test_lists_of_a_namespace_that_is_not_there_are_empty(
    rig: KubernetesRig, batch: Any, core: Any
) -> None:
    assert batch.list_namespaced_job("nowhere").items == []
    assert core.list_namespaced_pod("nowhere").items == []
    with pytest.raises(ApiException) as caught:
        batch.create_namespaced_job("nowhere", job())
    assert caught.value.status == 404
    assert refusal(caught.value)["message"] == 'namespaces "nowhere" not found'


def test_a_namespace_goes_after_what_is_in_it_and_takes_nothing_new(
    rig: KubernetesRig, core: Any
) -> None:
    rig.apply({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "team"}})
    code = "import signal, time; signal.signal(15, lambda *_: print('told', flush=True)); "
    stays = container(["python", "-uc", f"{code} print('up'); time.sleep(600)"])
    rig.apply(job(stays, pod_spec={"terminationGracePeriodSeconds": 1}), "team")
    rig.wait_until(lambda: rig.pods_of("job", "team"), "a pod")
    name = rig.pods_of("job", "team")[0]["metadata"]["name"]
    rig.wait_until(lambda: rig.log(name, namespace="team"), "a first line")
    core.delete_namespace("team")
    found = rig.get("Namespace", "team")
    assert found["status"]["phase"] == "Terminating"
    assert "deletionTimestamp" in found["metadata"]
    with pytest.raises(ApiException) as caught:
        core.create_namespaced_config_map("team", config_map("x"))
    assert caught.value.status == 403
    assert refusal(caught.value)["message"] == (
        'configmaps "x" is forbidden: unable to create new content in namespace team because it '
        "is being terminated"
    )
    rig.wait_until(lambda: "told" in rig.log(name, namespace="team"), "the end")
    assert "deletionTimestamp" in rig.get("Pod", name, "team")["metadata"]
    rig.wait_gone("Namespace", "team")
    assert rig.objects("Pod", "team") == rig.objects("Job", "team") == []
