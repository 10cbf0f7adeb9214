"""Pods that can't start yet, and do when what they wait for is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rigs.kubernetes import Image, KubernetesRig, Manifest, ScriptedKubelet, Timing
from rigs.kubernetes.manifests import container, job, pod
from rigs.kubernetes.objects import has_ended

QUICK = Timing(image_backoff=0.05)


@pytest.fixture
def rig() -> Iterator[KubernetesRig]:
    with KubernetesRig(images={"python:3": Image()}, timing=QUICK) as rig:
        yield rig


def reason(found: Manifest) -> str | None:
    """Return why a pod's first container waits."""
    statuses = found["status"].get("containerStatuses") or [{"state": {}}]
    return (statuses[0]["state"].get("waiting") or {}).get("reason")


def waits(rig: KubernetesRig, *reasons: str) -> Manifest:
    """Return the pod of the Job when it waits for one of these reasons."""
    rig.wait_until(lambda: rig.pods_of("job"), "a pod")
    (found,) = rig.pods_of("job")
    return rig.wait_for("Pod", found["metadata"]["name"], lambda pod: reason(pod) in reasons)


def said(rig: KubernetesRig, name: str) -> dict[str, str]:
    """Return the messages of Events about an object, by reason."""
    events = rig.objects("Event", field_selector=f"involvedObject.name={name}")
    return {event["reason"]: event["message"] for event in events}


@pytest.mark.parametrize(
    ("policy", "why"), [("Never", "ErrImageNeverPull"), ("IfNotPresent", "ImagePullBackOff")]
)
def test_a_job_without_its_image_stays_active_and_starts_when_the_image_is_there(
    rig: KubernetesRig, policy: str, why: str
) -> None:
    rig.apply(job(container(["echo", "late"], image="late:1", imagePullPolicy=policy)))
    found = waits(rig, why)
    status = rig.get("Job", "job")["status"]
    assert (status["active"], status.get("conditions")) == (1, None)
    rig.add_image("late:1")
    rig.wait_for("Job", "job", has_ended)
    assert rig.log(found["metadata"]["name"]) == "late\n"


def test_a_name_that_is_no_images_name_keeps_the_job_active(rig: KubernetesRig) -> None:
    rig.apply(job(container(image="local/Upper:dev")))
    found = waits(rig, "InvalidImageName")
    # as measured on 1.36
    words = (
        'Failed to apply default image tag "local/Upper:dev": couldn\'t parse image name '
        '"local/Upper:dev": invalid reference format: repository name (local/Upper) must be '
        "lowercase"
    )
    assert found["status"]["containerStatuses"][0]["state"]["waiting"]["message"] == words
    about = said(rig, found["metadata"]["name"])
    assert (about["InspectFailed"], about["Failed"]) == (words, "Error: InvalidImageName")
    assert rig.get("Job", "job")["status"]["active"] == 1


@pytest.mark.parametrize(
    ("user", "context", "words"),
    [
        ("", {}, "container has runAsNonRoot and image will run as root"),
        ("", {"runAsUser": 0}, "container's runAsUser breaks non-root policy"),
        ("app", {}, "container has runAsNonRoot and image has non-numeric user (app), cannot"),
        ("", {"runAsUser": 1000}, None),
        ("1000", {}, None),
    ],
)
def test_a_container_that_must_not_be_root_and_may_be_is_not_created(
    user: str, context: dict[str, Any], words: str | None
) -> None:
    with KubernetesRig(images={"python:3": Image(user=user)}, timing=QUICK) as rig:
        rig.apply(job(pod_spec={"securityContext": {"runAsNonRoot": True, **context}}))
        if words is None:
            rig.wait_for("Job", "job", has_ended)
            return
        found = waits(rig, "CreateContainerConfigError")
        message = found["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
        assert message.startswith(words)
        metadata = found["metadata"]
        name = f"{metadata['name']}_default({metadata['uid']})"
        assert message.endswith(f'(pod: "{name}", container: main)')


@pytest.mark.parametrize("scripted", [True, False])
def test_a_gated_pod_is_not_scheduled_before_its_gates_are_gone(scripted: bool) -> None:
    with KubernetesRig(kubelet=ScriptedKubelet() if scripted else None) as rig:
        rig.apply(job(pod_spec={"schedulingGates": [{"name": "example.com/queue"}]}))
        rig.wait_until(lambda: rig.pods_of("job"), "a pod")
        (found,) = rig.pods_of("job")
        (condition,) = found["status"]["conditions"]
        assert (condition["type"], condition["status"]) == ("PodScheduled", "False")
        assert condition["reason"] == "SchedulingGated"
        assert condition["message"] == "Scheduling is blocked due to non-empty scheduling gates"
        assert "nodeName" not in found["spec"]
        rig.apply({**found, "spec": {**found["spec"], "schedulingGates": None}})
        rig.wait_for("Job", "job", has_ended)


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        ({"secret": {"secretName": "nope"}}, 'secret "nope" not found'),
        (
            {"hostPath": {"path": "/no/such", "type": "Directory"}},
            "hostPath type check failed: /no/such is not a directory",
        ),
        (
            {"hostPath": {"path": "/tmp", "type": "File"}},
            "hostPath type check failed: /tmp is not a file",
        ),
    ],
)
def test_a_volume_that_cannot_be_mounted_is_told_by_events_only(
    rig: KubernetesRig, volume: dict[str, Any], words: str
) -> None:
    rig.apply(job(pod_spec={"volumes": [{"name": "data", **volume}]}))
    found = waits(rig, "ContainerCreating")
    name = found["metadata"]["name"]
    rig.wait_until(lambda: "FailedMount" in said(rig, name), "an event")
    assert said(rig, name)["FailedMount"] == f'MountVolume.SetUp failed for volume "data" : {words}'
    assert reason(rig.get("Pod", name)) == "ContainerCreating"


def test_a_claim_that_is_not_there_keeps_the_pod_from_being_scheduled(rig: KubernetesRig) -> None:
    claim = {"persistentVolumeClaim": {"claimName": "nope"}}
    rig.apply(job(pod_spec={"volumes": [{"name": "data", **claim}]}))
    rig.wait_until(lambda: rig.pods_of("job"), "a pod")
    name = rig.pods_of("job")[0]["metadata"]["name"]
    rig.wait_until(lambda: "FailedScheduling" in said(rig, name), "an event")
    words = '0/1 nodes are available: persistentvolumeclaim "nope" not found. not found'
    assert said(rig, name)["FailedScheduling"] == words
    rig.apply({"kind": "PersistentVolumeClaim", "apiVersion": "v1", "metadata": {"name": "nope"}})
    rig.wait_for("Job", "job", has_ended)


def test_a_pod_without_a_name_of_an_image_that_is_wrong_just_runs(tmp_path: Path) -> None:
    names = ["a", "a/b:1", "r.example:5000/a/b_c-d.e@sha256:" + "0" * 64, "localhost/a"]
    with KubernetesRig() as rig:
        for number, name in enumerate(names):
            rig.apply(pod(container(image=name), name=f"pod-{number}"))
            rig.wait_for("Pod", f"pod-{number}", has_ended)
