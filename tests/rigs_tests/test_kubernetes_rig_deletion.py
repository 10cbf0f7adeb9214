"""How objects go on the rig: finalizers, owners, propagation, grace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import kubernetes
import pytest
from kubernetes.client.rest import ApiException

from rigs.kubernetes import KubernetesRig, Script, ScriptedKubelet, Timing
from rigs.kubernetes.manifests import config_map, job, pod

# Their methods also take plain dicts, against their annotations.
client: Any = kubernetes.client

RUNS_ON = Script(ends_after=None)


@pytest.fixture
def rig() -> Iterator[KubernetesRig]:
    with KubernetesRig(kubelet=ScriptedKubelet(RUNS_ON)) as rig:
        yield rig


def running_job(rig: KubernetesRig, name: str = "job", **spec: Any) -> str:
    """Create a Job, wait until its pod runs and return the pod's name."""
    rig.apply(job(name=name, **spec))

    def pod_runs() -> str | None:
        pods = rig.objects(
            "Pod", field_selector="status.phase=Running", label_selector=f"job-name={name}"
        )
        return pods[0]["metadata"]["name"] if pods else None

    return rig.wait_until(pod_runs, f"pod of {name}") or ""


def owned(name: str, owner: dict[str, Any], **values: str) -> dict[str, Any]:
    reference = {key: owner[key] for key in ("apiVersion", "kind")}
    reference |= {"name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
    return config_map(name, **values) | {"metadata": {"name": name, "ownerReferences": [reference]}}


def test_a_job_deleted_without_a_policy_leaves_its_pods(rig: KubernetesRig, api: Any) -> None:
    name = running_job(rig)
    client.BatchV1Api(api).delete_namespaced_job("job", "default")
    assert rig.find("Job", "job") is None
    assert "ownerReferences" not in rig.get("Pod", name)["metadata"]


def test_a_job_deleted_in_the_background_takes_its_pods_along(rig: KubernetesRig, api: Any) -> None:
    name = running_job(rig)
    answer = client.BatchV1Api(api).delete_namespaced_job(
        "job", "default", propagation_policy="Background"
    )
    assert answer["status"] == "Success"
    assert rig.find("Job", "job") is None
    rig.wait_gone("Pod", name)


def test_a_job_deleted_in_the_foreground_goes_after_its_pods() -> None:
    stubborn = ScriptedKubelet(Script(ends_after=None, obeys=False))
    with KubernetesRig(kubelet=stubborn) as rig:
        name = running_job(rig)
        rig.delete("Job", "job", propagation="Foreground")
        rig.wait_for("Pod", name, lambda pod: "deletionTimestamp" in pod["metadata"])
        found = rig.get("Job", "job")["metadata"]
        assert found["finalizers"] == ["foregroundDeletion"]
        assert "deletionTimestamp" in found
        rig.delete("Pod", name, grace_seconds=0)
        rig.wait_gone("Job", "job")


def test_what_an_object_owns_goes_with_it(rig: KubernetesRig) -> None:
    (owner,) = rig.apply(config_map("owner"))
    rig.apply(owned("mine", owner))
    rig.delete("ConfigMap", "owner")
    rig.wait_gone("ConfigMap", "mine")


def test_an_object_whose_owner_does_not_exist_goes(rig: KubernetesRig) -> None:
    (owner,) = rig.apply(config_map("owner"))
    rig.delete("ConfigMap", "owner")
    rig.apply(owned("late", owner))
    rig.wait_gone("ConfigMap", "late")


def test_a_slow_collector_leaves_what_has_lost_its_owner_for_a_while(rig: KubernetesRig) -> None:
    (owner,) = rig.apply(config_map("owner"))
    rig.apply(owned("mine", owner))
    with rig.faults.inject("collector_slow"):
        rig.delete("ConfigMap", "owner")
        assert rig.get("ConfigMap", "mine")["metadata"]["ownerReferences"]
    rig.wait_gone("ConfigMap", "mine")


def test_orphaned_objects_stay(rig: KubernetesRig) -> None:
    (owner,) = rig.apply(config_map("owner"))
    rig.apply(owned("mine", owner))
    rig.delete("ConfigMap", "owner", propagation="Orphan")
    assert "ownerReferences" not in rig.get("ConfigMap", "mine")["metadata"]


def test_an_object_stays_until_its_finalizers_are_gone(rig: KubernetesRig, api: Any) -> None:
    metadata = {"name": "a", "finalizers": ["example.org/wait"]}
    rig.apply(config_map("a") | {"metadata": metadata})
    core = client.CoreV1Api(api)
    core.delete_namespaced_config_map("a", "default")
    assert core.read_namespaced_config_map("a", "default").metadata.deletion_timestamp
    core.patch_namespaced_config_map("a", "default", {"metadata": {"finalizers": None}})
    assert rig.find("ConfigMap", "a") is None


@pytest.mark.parametrize("wanted", [{"uid": "other"}, {"resourceVersion": "1"}])
def test_another_uid_or_version_is_not_deleted(
    rig: KubernetesRig, api: Any, wanted: dict[str, str]
) -> None:
    rig.apply(config_map("a"))
    with pytest.raises(ApiException) as caught:
        client.CoreV1Api(api).delete_namespaced_config_map(
            "a", "default", body={"preconditions": wanted}
        )
    assert caught.value.status == 409
    assert rig.find("ConfigMap", "a") is not None


def test_a_running_pod_is_marked_and_goes_when_it_has_ended() -> None:
    stubborn = ScriptedKubelet(Script(ends_after=None, obeys=False))
    with KubernetesRig(kubelet=stubborn, timing=Timing(longest_grace=0.1)) as rig:
        rig.apply(pod(name="a"))
        rig.wait_for("Pod", "a", lambda pod: pod["status"]["phase"] == "Running")
        rig.delete("Pod", "a", grace_seconds=1)
        metadata = rig.get("Pod", "a")["metadata"]
        assert metadata["deletionGracePeriodSeconds"] == 1
        rig.wait_gone("Pod", "a")


def test_a_pod_that_was_never_scheduled_goes_at_once(rig: KubernetesRig) -> None:
    with rig.faults.inject("unschedulable"):
        rig.apply(pod(name="a"))
        rig.wait_for("Pod", "a", lambda pod: pod["status"].get("conditions"))
        rig.delete("Pod", "a")
        assert rig.find("Pod", "a") is None


def test_a_collection_is_deleted_by_its_selector(rig: KubernetesRig, api: Any) -> None:
    rig.apply(config_map("a") | {"metadata": {"name": "a", "labels": {"go": "1"}}})
    rig.apply(config_map("b"))
    client.CoreV1Api(api).delete_collection_namespaced_config_map("default", label_selector="go=1")
    assert [item["metadata"]["name"] for item in rig.objects("ConfigMap")] == ["b"]


def test_a_namespace_takes_everything_along(rig: KubernetesRig) -> None:
    rig.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mine"}})
    rig.apply(config_map("a"), namespace="mine")
    rig.delete("Namespace", "mine")
    rig.wait_gone("ConfigMap", "a", "mine")
