"""The rig's Deployment and ReplicaSet controllers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rigs.kubernetes import KubernetesRig, Manifest, Script, ScriptedKubelet
from rigs.kubernetes.manifests import container


@pytest.fixture
def rig() -> Iterator[KubernetesRig]:
    with KubernetesRig(kubelet=ScriptedKubelet(Script(ends_after=None))) as rig:
        yield rig


def deployment(replicas: int, image: str = "one") -> dict[str, Any]:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container(image=image)]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": spec,
    }


def ready(count: int) -> Any:
    return lambda found: found["status"].get("readyReplicas") == count


def pods(rig: KubernetesRig) -> list[Manifest]:
    return rig.objects("Pod", label_selector="app=web")


def test_a_deployment_has_as_many_pods_as_it_wants(rig: KubernetesRig) -> None:
    rig.apply(deployment(3))
    rig.wait_for("Deployment", "web", ready(3))
    assert len(pods(rig)) == 3


def test_a_pod_that_goes_is_replaced(rig: KubernetesRig) -> None:
    rig.apply(deployment(1))
    rig.wait_for("Deployment", "web", ready(1))
    (first,) = pods(rig)
    rig.delete("Pod", first["metadata"]["name"])
    rig.wait_gone("Pod", first["metadata"]["name"])
    rig.wait_for("Deployment", "web", ready(1))
    (second,) = pods(rig)
    assert second["metadata"]["uid"] != first["metadata"]["uid"]


def test_scaling_down_removes_pods(rig: KubernetesRig) -> None:
    rig.apply(deployment(3))
    rig.wait_for("Deployment", "web", ready(3))
    rig.apply(deployment(1))
    rig.wait_until(lambda: len(pods(rig)) == 1, "one pod")


def test_a_new_template_replaces_the_pods(rig: KubernetesRig) -> None:
    rig.apply(deployment(2, "one"))
    rig.wait_for("Deployment", "web", ready(2))
    rig.apply(deployment(2, "two"))

    def images() -> list[str]:
        return [pod["spec"]["containers"][0]["image"] for pod in pods(rig)]

    rig.wait_until(lambda: images() == ["two", "two"], "pods of the new template")


def test_a_deleted_deployment_takes_its_pods_along(rig: KubernetesRig) -> None:
    rig.apply(deployment(2))
    rig.wait_for("Deployment", "web", ready(2))
    rig.delete("Deployment", "web")
    rig.wait_until(lambda: not pods(rig), "no pods")
    assert rig.objects("ReplicaSet") == []


def test_a_quota_keeps_pods_from_being_made(rig: KubernetesRig) -> None:
    rig.faults.inject("quota", label_selector="app=web")
    rig.apply(deployment(1))

    event, *_ = rig.wait_until(
        lambda: [one for one in rig.objects("Event") if one["reason"] == "FailedCreate"]
    )

    assert event["involvedObject"]["kind"] == "ReplicaSet"
    assert "is forbidden: exceeded quota: " in event["message"]
    assert pods(rig) == []
