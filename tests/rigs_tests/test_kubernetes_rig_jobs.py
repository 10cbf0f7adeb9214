"""The rig's Job controller; the words are those of pkg/controller/job/job_controller.go."""

from __future__ import annotations

from typing import Any

import pytest

from rigs.kubernetes import KubernetesRig, Manifest, Script, ScriptedKubelet, Timing
from rigs.kubernetes.manifests import container, job
from rigs.kubernetes.objects import has_ended

QUICK = Timing(job_backoff=0.01, crash_backoff=0.01)


def conditions(manifest: Manifest) -> list[tuple[str, str, str]]:
    return [
        (item["type"], item["reason"], item["message"])
        for item in manifest["status"].get("conditions", [])
    ]


def ended(rig: KubernetesRig, name: str = "job", **spec: Any) -> Manifest:
    """Create a Job and return it when it has ended."""
    rig.apply(job(name=name, **spec))
    return rig.wait_for("Job", name, has_ended)


def rig_of(**script: Any) -> KubernetesRig:
    return KubernetesRig(kubelet=ScriptedKubelet(Script(**script)), timing=QUICK)


def test_a_job_whose_pod_succeeds_is_complete() -> None:
    with rig_of() as rig:
        found = ended(rig)
    message = "Reached expected number of succeeded pods"
    assert conditions(found) == [
        ("SuccessCriteriaMet", "CompletionsReached", message),
        ("Complete", "CompletionsReached", message),
    ]
    assert found["status"]["succeeded"] == 1
    assert "active" not in found["status"]
    assert found["status"]["completionTime"]


def test_a_job_without_retries_fails_with_its_first_pod() -> None:
    with rig_of(exit_code=3) as rig:
        found = ended(rig)
        assert len(rig.pods_of("job")) == 1
    message = "Job has reached the specified backoff limit"
    assert conditions(found) == [
        ("FailureTarget", "BackoffLimitExceeded", message),
        ("Failed", "BackoffLimitExceeded", message),
    ]
    assert found["status"]["failed"] == 1


def test_a_job_with_retries_makes_that_many_more_pods() -> None:
    with rig_of(exit_code=3) as rig:
        found = ended(rig, backoffLimit=2)
        assert len(rig.pods_of("job")) == 3
    assert found["status"]["failed"] == 3


def test_a_pod_is_named_and_labelled_after_its_job() -> None:
    with rig_of() as rig:
        found = ended(rig, name="my-job", labels={"mine": "1"})
        (pod,) = rig.pods_of("my-job")
    uid = found["metadata"]["uid"]
    assert pod["metadata"]["name"].startswith("my-job-")
    assert pod["metadata"]["labels"] == {
        "mine": "1",
        "job-name": "my-job",
        "batch.kubernetes.io/job-name": "my-job",
        "controller-uid": uid,
        "batch.kubernetes.io/controller-uid": uid,
    }
    (owner,) = pod["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("Job", uid, True)


def test_the_pod_of_a_job_with_a_long_name_has_a_name_of_63_characters() -> None:
    with rig_of() as rig:
        ended(rig, name="j" * 63)
        (pod,) = rig.pods_of("j" * 63)
    assert len(pod["metadata"]["name"]) == 63


def test_completions_are_reached_with_parallel_pods() -> None:
    with rig_of() as rig:
        found = ended(rig, completions=3, parallelism=2)
        assert len(rig.pods_of("job")) == 3
    assert found["status"]["succeeded"] == 3


def test_a_job_over_its_deadline_fails_when_its_pods_are_gone() -> None:
    with rig_of(ends_after=None) as rig:
        found = ended(rig, activeDeadlineSeconds=0.2)
        message = "Job was active longer than specified deadline"
        assert conditions(found)[-1] == ("Failed", "DeadlineExceeded", message)
        assert rig.pods_of("job") == []
    assert found["status"]["failed"] == 1


def test_a_job_over_its_deadline_waits_for_pods_that_end_slowly() -> None:
    with rig_of(ends_after=None, obeys=False) as rig:
        rig.apply(job(activeDeadlineSeconds=0.1))
        rig.wait_for("Job", "job", lambda job: conditions(job))
        found = rig.get("Job", "job")
        assert [kind for kind, _, _ in conditions(found)] == ["FailureTarget"]
        assert found["status"]["terminating"] == 1
        (pod,) = rig.pods_of("job")
        rig.delete("Pod", pod["metadata"]["name"], grace_seconds=0)
        rig.wait_for("Job", "job", has_ended)


def test_a_finished_job_goes_after_its_time_to_live_with_its_pods() -> None:
    with rig_of() as rig:
        ended(rig, ttlSecondsAfterFinished=1)
        rig.wait_gone("Job", "job")
        rig.wait_until(lambda: not rig.pods_of("job"), "no pods")


def test_a_deleted_pod_counts_as_failed_and_is_replaced() -> None:
    with rig_of(ends_after=None) as rig:
        rig.apply(job(backoffLimit=1))
        rig.wait_for("Job", "job", lambda job: job["status"].get("ready") == 1)
        (first,) = rig.pods_of("job")
        rig.delete("Pod", first["metadata"]["name"])

        def replaced() -> bool:
            names = [pod["metadata"]["name"] for pod in rig.pods_of("job")]
            return len(names) == 1 and names != [first["metadata"]["name"]]

        rig.wait_until(replaced, "another pod")
        assert rig.get("Job", "job")["status"]["failed"] == 1


@pytest.mark.parametrize(("policy", "pods"), [("TerminatingOrFailed", 2), ("Failed", 1)])
def test_the_replacement_policy_says_when_a_terminating_pod_is_replaced(
    policy: str, pods: int
) -> None:
    with rig_of(ends_after=None, obeys=False) as rig:
        rig.apply(job(backoffLimit=3, podReplacementPolicy=policy))
        rig.wait_for("Job", "job", lambda job: job["status"].get("ready") == 1)
        (first,) = rig.pods_of("job")
        rig.delete("Pod", first["metadata"]["name"])
        rig.wait_for("Job", "job", lambda job: job["status"].get("terminating") == 1)
        rig.wait_until(lambda: len(rig.pods_of("job")) == pods, f"{pods} pods")


def test_restarts_inside_a_pod_count_against_the_limit() -> None:
    failing = container(["false"])
    with KubernetesRig(timing=QUICK) as rig:
        rig.apply(job(failing, restart_policy="OnFailure", backoffLimit=2))
        found = rig.wait_for("Job", "job", has_ended)
    assert conditions(found)[-1][1] == "BackoffLimitExceeded"


def test_a_job_says_what_happened_in_events() -> None:
    with rig_of() as rig:
        ended(rig)
        (pod,) = rig.pods_of("job")
        said = {item["reason"]: item["message"] for item in rig.objects("Event")}
    assert said["SuccessfulCreate"] == f"Created pod: {pod['metadata']['name']}"
    assert said["Completed"] == "Job completed"
