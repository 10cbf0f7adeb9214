"""A pod, a Job or a Secret that copies a run's labels is none of the run's."""

from __future__ import annotations

import base64
import copy
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from flowenv import FlowRun, State, attach
from flowenv.errors import PlatformError, RunConflict
from flowenv.plugin import Outcome
from flowenv.registry.registry import registry
from flowenv_k8s import KubernetesJobEnvironment
from flowenv_k8s.runs import cancellation
from flowenv_k8s.spec.labels import FURTHER_PODS
from on_kubernetes.job_runs import name_of, pod_of, running
from on_kubernetes.proofs import proof
from rigs.kubernetes import KubernetesRig, ScriptedKubelet

pytestmark = pytest.mark.usefixtures("empty_cluster")
Start = Callable[[], FlowRun]


def forged(run: FlowRun, **more: Any) -> str:
    return Outcome(run.id, State.COMPLETED, result=666, has_result=True, **more).to_bytes().decode()


UID_LABELS = ("controller-uid", "batch.kubernetes.io/controller-uid")
"""With these a Job adopts a pod: Kubernetes itself counts it as the Job's then."""


def impostor(rig: KubernetesRig, run: FlowRun) -> str:
    """A pod with what can be copied of a run's own; it runs."""
    own = copy.deepcopy(rig.get("Pod", pod_of(rig, run)))
    kept = {n: own["metadata"][n] for n in ("labels", "annotations")}
    for name in UID_LABELS:
        kept["labels"].pop(name, None)
    containers = [{"name": "flow", "image": "repo/flow:1"}]
    spec = {"restartPolicy": "Never", "containers": containers}
    metadata = {"name": "impostor", **kept}
    rig.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    rig.wait_for("Pod", "impostor", lambda pod: pod["status"].get("phase") == "Running")
    return "impostor"


def honest(run: FlowRun) -> str:
    """The record that the run's own process writes."""
    outcome = Outcome(run.id, State.COMPLETED, result=3, has_result=True, proof=proof(run))
    return outcome.to_bytes().decode()


def test_a_strangers_pod_makes_no_result(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start()
    running(run)
    own = pod_of(rig, run)
    kubelet.end(impostor(rig, run), message=forged(run))
    rig.wait_for("Pod", "impostor", lambda pod: pod["status"]["phase"] == "Succeeded")
    assert run.refresh().state is State.RUNNING
    assert attach(run.id, run.environment).refresh().state is State.RUNNING
    kubelet.end(own, message=honest(run))
    assert run.result(20) == 3


def test_a_strangers_pod_ends_no_one_who_follows(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start()
    running(run)
    own, seen = pod_of(rig, run), list[State]()

    def follow() -> None:
        assert run.handle
        seen.extend(status.state for status in run.handle.follow(20))

    thread = threading.Thread(target=follow)
    thread.start()
    kubelet.end(impostor(rig, run), exit_code=1, message=forged(run))
    kubelet.end(own, message=honest(run))
    thread.join(20)
    assert seen[-1] is State.COMPLETED
    assert run.result(20) == 3


def test_a_strangers_pod_gives_no_log(rig: KubernetesRig, start: Start) -> None:
    run = start()
    running(run)
    impostor(rig, run)
    read = [one.name for one in rig.requests if one.subresource == "log"]
    list(run.logs())
    read = [one.name for one in rig.requests if one.subresource == "log"]
    assert "impostor" not in read
    assert read


def owned_impostor(rig: KubernetesRig, run: FlowRun, owner: dict[str, Any]) -> None:
    """A pod with a run's labels that belongs to something else, which stays."""
    rig.apply(owner)
    metadata = rig.get(owner["kind"], owner["metadata"]["name"])["metadata"]
    uid, name = metadata["uid"], metadata["name"]
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": name, "uid": uid}
    labels = {"flowenv.io/run-id": run.id}
    made = {"name": "impostor", "labels": labels}
    made["ownerReferences"] = [{**reference, "controller": True}]
    spec = {"containers": [{"name": "flow", "image": "repo/flow:1"}]}
    rig.apply({"apiVersion": "v1", "kind": "Pod", "metadata": made, "spec": spec})


CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "evil"}}
REPLICA_SET = {
    "apiVersion": "apps/v1",
    "kind": "ReplicaSet",
    "metadata": {"name": "evil"},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "flow", "image": "repo/flow:1"}]},
        },
    },
}


@pytest.mark.parametrize("owner", [CONFIG_MAP, REPLICA_SET], ids=lambda one: one["kind"])
def test_a_strangers_pod_holds_no_cancellation(
    rig: KubernetesRig, start: Start, monkeypatch: pytest.MonkeyPatch, owner: dict[str, Any]
) -> None:
    monkeypatch.setattr(cancellation, "MARGIN", -28.0)  # and 30 s of grace
    run = start()
    running(run)
    owned_impostor(rig, run, owner)
    run.cancel()
    assert rig.find("Job", name_of(run)) is None
    assert rig.find("Pod", "impostor")
    rig.delete(owner["kind"], "evil")


def test_a_cancellation_waits_for_pods_that_an_operators_cluster_has(
    rig: KubernetesRig, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancellation, "MARGIN", -28.0)  # and 30 s of grace
    run = start()
    running(run)
    job = rig.get("Job", name_of(run))
    job["metadata"]["annotations"][FURTHER_PODS] = "true"
    rig.apply(job)
    owned_impostor(rig, run, REPLICA_SET)
    with pytest.raises(PlatformError, match="still there: impostor"):
        run.cancel()
    rig.delete("ReplicaSet", "evil")


def test_a_record_without_the_proof_makes_no_result_even_in_the_runs_own_pod(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start()
    running(run)
    kubelet.end(pod_of(rig, run), message=forged(run))
    assert run.wait(20).state is State.CRASHED


def test_an_outcome_that_a_stranger_left_on_the_job_does_not_count(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start()
    running(run)
    for text in (forged(run), forged(run, proof="0" * 64), "[" * 200_000):
        job = rig.get("Job", name_of(run))
        metadata = {"name": name_of(run), "annotations": {"flowenv.io/outcome": text}}
        rig.apply({**job, "metadata": {**job["metadata"], **metadata}})
        assert attach(run.id, run.environment).refresh().state is State.RUNNING


# -- Jobs ---------------------------------------------------------------------------------


@pytest.fixture
def copied(rig: KubernetesRig, start: Start) -> FlowRun:
    """A run whose Job somebody has copied."""
    run = start()
    running(run)
    job = copy.deepcopy(rig.get("Job", name_of(run)))
    template = job["spec"]["template"]
    for generated in (*UID_LABELS, "job-name", "batch.kubernetes.io/job-name"):
        template["metadata"]["labels"].pop(generated, None)
    kept = {n: job["metadata"][n] for n in ("labels", "annotations", "namespace")}
    spec = {"backoffLimit": 0, "template": template}
    made = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "copy", **kept}}
    rig.apply({**made, "spec": spec})
    rig.wait_until(lambda: rig.pods_of("copy"), "the copy's pod")
    return run


def test_a_look_up_that_finds_two_says_so_and_acts_on_neither(
    rig: KubernetesRig, copied: FlowRun
) -> None:
    rig.requests.clear()
    with pytest.raises(RunConflict, match=rf"2 Jobs say .*default/{name_of(copied)}"):
        attach(copied.id, copied.environment)
    assert {one.verb for one in rig.requests} <= {"list", "get", "watch"}
    named = attach(copied.reference, copied.environment)
    assert named.refresh().state is State.RUNNING


def test_the_copy_says_nothing_of_the_run(
    rig: KubernetesRig, kubelet: ScriptedKubelet, copied: FlowRun
) -> None:
    [pod] = rig.pods_of("copy")
    kubelet.end(pod["metadata"]["name"], exit_code=1, message=forged(copied))
    rig.wait_for("Job", "copy", lambda job: job["status"].get("failed"))
    assert copied.refresh().state is State.RUNNING
    hook = registry().hooks("k8s").hook
    found = hook.flowenv_find_runs(environment=copied.environment, labels=())
    states = {one.reference: one.status.state for one in found}
    assert states == {"default/copy": State.CRASHED, copied.reference: State.RUNNING}


def test_a_sweep_of_the_copy_leaves_the_run_alone(
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    copied: FlowRun,
    environment: KubernetesJobEnvironment,
) -> None:
    [pod] = rig.pods_of("copy")
    kubelet.end(pod["metadata"]["name"], message=forged(copied))
    rig.wait_for("Job", "copy", lambda job: job["status"].get("completionTime"))
    hook = registry().hooks("k8s").hook
    left = list(hook.flowenv_sweep(environment=environment, older_than=0.0, delete=True))
    assert [one.name for one in left if one.kind != "ConfigMap"] == ["default/copy"]
    assert rig.find("Job", name_of(copied))
    assert rig.pods_of(name_of(copied))


def test_a_sweep_removes_no_strangers_pod_that_runs(
    rig: KubernetesRig, start: Start, environment: KubernetesJobEnvironment
) -> None:
    run = start()
    running(run)
    impostor(rig, run)
    hook = registry().hooks("k8s").hook
    left = list(hook.flowenv_sweep(environment=environment, older_than=0.0, delete=True))
    assert [one for one in left if one.kind != "ConfigMap"] == []
    assert rig.find("Pod", "impostor")


# -- Secrets ------------------------------------------------------------------------------


@pytest.mark.parametrize("owned", [False, True])
def test_a_secret_that_a_stranger_made_first_is_not_the_runs(
    rig: KubernetesRig, start: Start, owned: bool
) -> None:
    def race() -> None:
        [job] = rig.wait_until(lambda: rig.objects("Job"), "the Job")
        volumes = job["spec"]["template"]["spec"]["volumes"]
        [name] = [one["secret"]["secretName"] for one in volumes if "secret" in one]
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job["metadata"]["name"]}
        owners = {"ownerReferences": [{**owner, "uid": job["metadata"]["uid"]}]} if owned else {}
        evil = base64.b64encode(json.dumps({"run": "evil"}).encode()).decode()
        labels = job["metadata"]["labels"]
        metadata = {"name": name, "labels": labels, **owners}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
        rig.apply({**secret, "data": {"payload.json": evil}})

    thread = threading.Thread(target=race)
    # the stranger is quicker: the run's own request arrives late
    with rig.faults.inject("429", verb="create", resource="secrets", retry_after=1):
        thread.start()
        with pytest.raises(RunConflict, match="isn't this run's"):
            start()
    thread.join(20)
    rig.wait_until(lambda: not rig.objects("Job"), "the Job being taken back")


def test_what_the_process_proves_is_in_no_object_before_it_ends(
    rig: KubernetesRig, start: Start
) -> None:
    run = start()
    running(run)
    for kind in ("Job", "Pod"):
        assert proof(run) not in json.dumps(rig.objects(kind))
