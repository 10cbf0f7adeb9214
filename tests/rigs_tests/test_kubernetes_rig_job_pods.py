"""Which pods a Job has, when it has none, and which aren't its own; as measured on 1.36."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rigs.kubernetes import KubernetesRig, Manifest, Script, ScriptedKubelet, Timing
from rigs.kubernetes.manifests import job, pod
from rigs.kubernetes.objects import has_ended

QUICK = Timing(job_backoff=0.01)


@pytest.fixture
def kubelet() -> ScriptedKubelet:
    return ScriptedKubelet(Script(ends_after=None))


@pytest.fixture
def rig(kubelet: ScriptedKubelet) -> Iterator[KubernetesRig]:
    with KubernetesRig(kubelet=kubelet, timing=QUICK) as rig:
        yield rig


def running(rig: KubernetesRig, name: str = "job", **spec: Any) -> Manifest:
    """Start a Job and return its pod when it is ready."""
    rig.apply(job(name=name, **spec))
    rig.wait_for("Job", name, lambda job: job["status"].get("ready") == 1)
    (only,) = rig.pods_of(name)
    return only


def suspend(rig: KubernetesRig, value: bool) -> None:
    rig.apply({**rig.get("Job", "job"), "spec": {"suspend": value}})


def condition(found: Manifest) -> tuple[str, str, str]:
    last = found["status"]["conditions"][-1]
    return last["type"], last["status"], last["reason"]


def events(rig: KubernetesRig, name: str = "job") -> list[tuple[str, str]]:
    found = rig.objects("Event", field_selector=f"involvedObject.name={name}")
    return [(event["reason"], event["message"]) for event in found]


def test_a_suspended_job_has_no_pod_and_no_start_time(rig: KubernetesRig) -> None:
    rig.apply(job(suspend=True))
    found = rig.wait_for("Job", "job", lambda job: job["status"].get("conditions"))
    assert condition(found) == ("Suspended", "True", "JobSuspended")
    assert "startTime" not in found["status"]
    assert rig.pods_of("job") == []
    assert ("Suspended", "Job suspended") in events(rig)


def test_a_resumed_job_starts(rig: KubernetesRig, kubelet: ScriptedKubelet) -> None:
    rig.apply(job(suspend=True))
    rig.wait_for("Job", "job", lambda job: job["status"].get("conditions"))
    suspend(rig, False)
    found = rig.wait_for("Job", "job", lambda job: job["status"].get("ready") == 1)
    assert condition(found) == ("Suspended", "False", "JobResumed")
    assert found["status"]["startTime"]
    assert ("Resumed", "Job resumed") in events(rig)
    kubelet.end(rig.pods_of("job")[0]["metadata"]["name"])
    rig.wait_for("Job", "job", has_ended)


def test_a_job_that_is_suspended_loses_its_pod_and_gets_another(rig: KubernetesRig) -> None:
    first = running(rig, backoffLimit=0)
    suspend(rig, True)
    rig.wait_until(lambda: not rig.pods_of("job"), "no pod")
    found = rig.get("Job", "job")
    assert condition(found) == ("Suspended", "True", "JobSuspended")
    assert {"startTime", "active", "failed"}.isdisjoint(found["status"])
    assert ("SuccessfulDelete", f"Deleted pod: {first['metadata']['name']}") in events(rig)
    suspend(rig, False)
    rig.wait_for("Job", "job", lambda job: job["status"].get("ready") == 1)
    assert rig.pods_of("job")[0]["metadata"]["name"] != first["metadata"]["name"]


def test_a_jobs_deadline_counts_from_when_it_is_resumed(rig: KubernetesRig) -> None:
    rig.apply(job(suspend=True, activeDeadlineSeconds=0.3))
    rig.wait_for("Job", "job", lambda job: job["status"].get("conditions"))
    with pytest.raises(TimeoutError):
        rig.wait_for("Job", "job", has_ended, timeout=0.5)
    suspend(rig, False)
    found = rig.wait_for("Job", "job", has_ended)
    assert condition(found) == ("Failed", "True", "DeadlineExceeded")


def test_a_job_tries_again_to_make_a_pod_that_was_refused(rig: KubernetesRig) -> None:
    with rig.faults.inject("quota", times=None):
        rig.apply(job())
        rig.wait_until(lambda: len(_refusals(rig)) > 2, "refusals")
        status = rig.get("Job", "job")["status"]
        assert ("active" in status, status.get("conditions")) == (False, None)
    rig.wait_for("Job", "job", lambda job: job["status"].get("ready") == 1)


def _refusals(rig: KubernetesRig) -> list[str]:
    return [message for reason, message in events(rig) if reason == "FailedCreate"]


def test_a_pod_with_copied_labels_is_not_the_jobs(
    rig: KubernetesRig, kubelet: ScriptedKubelet
) -> None:
    own = running(rig)
    labels = own["metadata"]["labels"]
    names = {key: labels[key] for key in ("job-name", "batch.kubernetes.io/job-name")}
    rig.apply(pod(name="foreign", labels=names))
    rig.wait_for("Pod", "foreign", lambda pod: pod["status"]["phase"] == "Running")
    kubelet.end("foreign", 3)
    assert rig.wait_for("Pod", "foreign", has_ended)["metadata"].get("ownerReferences") is None
    assert len(rig.pods_of("job")) == 2  # as who lists by labels has it
    found = rig.get("Job", "job")["status"]
    assert (found["active"], found.get("failed")) == (1, None)


def test_a_pod_with_the_copied_uid_is_adopted_and_removed(rig: KubernetesRig) -> None:
    own = running(rig, backoffLimit=0)
    rig.apply(pod(name="foreign", labels=own["metadata"]["labels"]))
    rig.wait_gone("Pod", "foreign")
    assert ("SuccessfulDelete", "Deleted pod: foreign") in events(rig)
    (left,) = rig.pods_of("job")
    assert left["metadata"]["uid"] == own["metadata"]["uid"]
    found = rig.get("Job", "job")["status"]
    assert (found["active"], found.get("failed")) == (1, None)


def test_two_jobs_with_the_same_labels_have_pods_of_their_own(rig: KubernetesRig) -> None:
    labels = {"flowenv.io/run-id": "r1"}
    first = running(rig, "one", labels=labels)
    second = running(rig, "two", labels=labels)
    assert len(rig.objects("Pod", "default", "flowenv.io/run-id=r1")) == 2
    for name, only in (("one", first), ("two", second)):
        (owner,) = only["metadata"]["ownerReferences"]
        assert (owner["name"], owner["controller"]) == (name, True)
        assert owner["uid"] == rig.get("Job", name)["metadata"]["uid"]


def test_a_job_with_a_pod_failure_policy_names_the_exit_code(
    rig: KubernetesRig, kubelet: ScriptedKubelet
) -> None:
    codes = {"containerName": "main", "operator": "NotIn", "values": [0]}
    policy = {"rules": [{"action": "FailJob", "onExitCodes": codes}]}
    made = running(rig, backoffLimit=0, podReplacementPolicy="Failed", podFailurePolicy=policy)
    name = made["metadata"]["name"]
    kubelet.end(name, 41)
    found = rig.wait_for("Job", "job", has_ended)
    [failed] = [one for one in found["status"]["conditions"] if one["type"] == "Failed"]
    assert failed["reason"] == "PodFailurePolicy"
    assert failed["message"] == (
        f"Container main for pod default/{name} failed with exit code 41 matching FailJob rule "
        "at index 0"
    )
