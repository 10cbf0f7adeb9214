"""What is left of runs that are over, and what the doctor says."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowenv.registry.registry import registry
from flowenv_dask_k8s import DaskKubernetesEnvironment
from flowenv_dask_k8s.spec.pods_manifest import COMPONENT
from flowenv_k8s.runs.diagnosis.job_status import is_over
from rigs.kubernetes import KubernetesRig, ScriptedKubelet
from rigs.kubernetes.manifests import container, job, pod

OPERATORS = "kopf.zalando.org/KopfFinalizerMarker"
Environments = Callable[..., DaskKubernetesEnvironment]


def cluster(name: str, job: dict[str, Any] | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "labels": {"flowenv.io/run-id": f"run-{name}"}}
    if job:
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "job"}
        metadata["ownerReferences"] = [{**owner, "uid": job["metadata"]["uid"]}]
    return {
        "apiVersion": "kubernetes.dask.org/v1",
        "kind": "DaskCluster",
        "metadata": metadata,
        "spec": {},
    }


def autoscaler(cluster: dict[str, Any]) -> dict[str, Any]:
    """A cluster's autoscaler, which the operator looks after."""
    metadata = cluster["metadata"]
    kind, version = cluster["kind"], cluster["apiVersion"]
    owner = {"apiVersion": version, "kind": kind, "name": metadata["name"], "uid": metadata["uid"]}
    return {
        "apiVersion": version,
        "kind": "DaskAutoscaler",
        "metadata": {
            "name": metadata["name"],
            "labels": metadata["labels"],
            "finalizers": [OPERATORS],
            "ownerReferences": [owner],
        },
        "spec": {"cluster": metadata["name"], "minimum": 0, "maximum": 1},
    }


def flow_job(rig: KubernetesRig) -> dict[str, Any]:
    labels = {"flowenv.io/run-id": "run-left"}
    [made] = rig.apply(job(container(), labels=labels))
    return made


@pytest.fixture
def ended_job(rig: KubernetesRig) -> dict[str, Any]:
    """The Job of a run that is over, such as one whose flow was killed."""
    flow_job(rig)
    return rig.wait_for("Job", "job", is_over)


@pytest.fixture
def running_job(rig: KubernetesRig) -> dict[str, Any]:
    """The Job of a run that goes on."""
    rig.faults.inject("unschedulable")
    return flow_job(rig)


def sweep(environment: DaskKubernetesEnvironment, **arguments: Any) -> dict[str, bool]:
    hook = registry().hooks("dask_k8s").hook
    given = {"older_than": 0.0, "delete": True, **arguments}
    found = hook.flowenv_sweep(environment=environment, **given)
    return {one.name: one.removed for one in found if one.kind.startswith("Dask")}


def test_workers_are_left_over_only_where_kubernetes_does_not_collect_them(
    rig: KubernetesRig, environment: Environments, ended_job: dict[str, Any]
) -> None:
    labels = {"flowenv.io/run-id": "run-left", COMPONENT: "worker"}
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "job", "controller": True}
    metadata = {"ownerReferences": [{**owner, "uid": ended_job["metadata"]["uid"]}]}
    made = pod(container(), name="worker", labels=labels)
    rig.apply({**made, "metadata": made["metadata"] | metadata})

    def left() -> list[str]:
        given = {"environment": environment(cluster="pods"), "older_than": 0.0, "delete": False}
        found = registry().hooks("dask_k8s").hook.flowenv_sweep(**given)
        return [one.name for one in found if one.kind == "Pod"]

    assert left() == ["default/worker"]
    with rig.faults.inject("collector_slow"):
        rig.delete("Job", "job", propagation="Background")
        assert rig.get("Pod", "worker")
        assert left() == []


def test_clusters_whose_job_has_ended_are_removed(
    rig: KubernetesRig, environment: Environments, ended_job: dict[str, Any]
) -> None:
    rig.apply(cluster("left", ended_job))

    assert sweep(environment(), delete=False) == {"default/left": False}
    assert sweep(environment()) == {"default/left": True}
    assert rig.objects("DaskCluster") == []


def test_a_cluster_goes_although_a_dead_operator_holds_it(
    rig: KubernetesRig, environment: Environments, ended_job: dict[str, Any]
) -> None:
    made = cluster("left", ended_job)
    made["metadata"]["finalizers"] = [OPERATORS]
    rig.apply(made)

    assert sweep(environment()) == {"default/left": True}
    assert rig.objects("DaskCluster") == []


def test_an_autoscaler_whose_cluster_is_gone_is_taken_from_the_operator(
    rig: KubernetesRig, environment: Environments
) -> None:
    [made] = rig.apply(cluster("gone", None))
    rig.apply(autoscaler(made))
    rig.delete("DaskCluster", "gone")

    assert sweep(environment()) == {"default/gone": True}
    assert rig.objects("DaskAutoscaler") == []


def test_an_autoscaler_is_left_alone_while_its_cluster_is(
    rig: KubernetesRig, environment: Environments, running_job: dict[str, Any]
) -> None:
    [made] = rig.apply(cluster("busy", running_job))
    rig.apply(autoscaler(made))

    assert sweep(environment()) == {}


def test_clusters_of_runs_that_go_on_are_left_alone(
    rig: KubernetesRig, environment: Environments, running_job: dict[str, Any]
) -> None:
    rig.apply(cluster("busy", running_job))

    assert sweep(environment()) == {}


def alive(seconds_ago: float) -> dict[str, Any]:
    """A cluster of a flow in a notebook, which marked it so many seconds ago."""
    made = cluster("of-a-notebook", None)
    last = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds_ago)
    made["metadata"]["annotations"] = {"flowenv.io/alive": last.isoformat(timespec="seconds")}
    return made


def test_a_cluster_whose_flow_ran_elsewhere_and_was_killed_is_removed(
    rig: KubernetesRig, environment: Environments
) -> None:
    rig.apply(alive(seconds_ago=200))

    assert sweep(environment()) == {"default/of-a-notebook": True}
    assert rig.objects("DaskCluster") == []


def test_a_cluster_whose_flow_runs_elsewhere_is_left_alone(
    rig: KubernetesRig, environment: Environments
) -> None:
    rig.apply(alive(seconds_ago=150))

    assert sweep(environment()) == {}


def test_a_cluster_of_which_nobody_knows_is_left_to_its_idle_timeout(
    rig: KubernetesRig, environment: Environments
) -> None:
    rig.apply(cluster("of-an-old-version", None))

    assert sweep(environment()) == {}


def test_a_cluster_is_left_alone_while_a_job_of_its_run_is_there(
    rig: KubernetesRig, environment: Environments, running_job: dict[str, Any]
) -> None:
    made = alive(seconds_ago=200)
    made["metadata"]["labels"] = {"flowenv.io/run-id": "run-left"}
    rig.apply(made)

    assert sweep(environment()) == {}


def test_young_clusters_are_left_alone(
    rig: KubernetesRig, environment: Environments, ended_job: dict[str, Any]
) -> None:
    rig.apply(cluster("left", ended_job))

    assert sweep(environment(), older_than=3600.0) == {}


def findings(environment: DaskKubernetesEnvironment) -> dict[str, bool | None]:
    hook = registry().hooks("dask_k8s").hook
    found = [one for part in hook.flowenv_check(environment=environment) for one in part]
    return {one.subject: one.ok for one in found}


def test_the_doctor_finds_the_operator(rig: KubernetesRig, environment: Environments) -> None:
    found = findings(environment())

    assert found["Dask operator"] is True
    assert found["permission to list daskautoscalers"] is True
    assert found["environment.run"] is True
    assert found["service account"] is None


def test_the_doctor_misses_the_operator(
    environment: Environments, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with KubernetesRig(kubelet=ScriptedKubelet()) as bare:
        monkeypatch.setenv("KUBECONFIG", str(bare.kubeconfig(tmp_path / "bare")))
        found = findings(environment())

    assert found["Dask operator"] is False


def test_without_the_operators_types_there_is_nothing_of_dask_to_sweep(
    environment: Environments, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with KubernetesRig(kubelet=ScriptedKubelet()) as bare:
        monkeypatch.setenv("KUBECONFIG", str(bare.kubeconfig(tmp_path / "bare")))

        assert sweep(environment()) == {}


@pytest.mark.parametrize("kind", ["operator", "pods"])
def test_the_doctor_asks_for_each_right_once(
    rig: KubernetesRig, environment: Environments, kind: str
) -> None:
    hook = registry().hooks("dask_k8s").hook
    given = environment(cluster=kind)
    found = [one for part in hook.flowenv_check(environment=given) for one in part]

    subjects = [one.subject for one in found]
    assert len(subjects) == len(set(subjects))
    assert {"permission to list pods", "permission to delete pods"} <= set(subjects)


def test_the_doctor_names_the_service_account_that_is_set(
    rig: KubernetesRig, environment: Environments
) -> None:
    hook = registry().hooks("dask_k8s").hook
    given = environment(service_account="runner")
    found = [one for part in hook.flowenv_check(environment=given) for one in part]

    [account] = [one for one in found if one.subject == "service account"]
    assert "its service account runner needs" in account.message
    assert "set service_account" not in account.hint


def test_the_doctor_misses_the_cluster(environment: Environments) -> None:
    assert findings(environment()) == {"cluster": False}
