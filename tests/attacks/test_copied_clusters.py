"""Who copies a run's labels, or changes its Secret, gets no cluster and has nothing removed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowenv.errors import FlowenvError, PayloadError, RunConflict
from flowenv.plugin import Secret
from flowenv.submission.lifecycle import prepare
from flowenv.submission.prepared import Prepared
from flowenv.testing import flows
from flowenv_dask_k8s import DaskKubernetesEnvironment
from flowenv_dask_k8s.api import kube_cluster
from flowenv_dask_k8s.cluster.interface import ClusterPlan
from flowenv_dask_k8s.cluster.operator.cluster import OperatorCluster
from flowenv_dask_k8s.cluster.pods.certificates import make_certificates
from flowenv_dask_k8s.cluster.pods.workers import WorkerPods
from flowenv_dask_k8s.runs.flow_on_cluster import plan_inside
from flowenv_dask_k8s.spec.job import packed
from flowenv_dask_k8s.spec.resources import ATTEMPT
from flowenv_k8s.api.client import Client
from flowenv_k8s.plugin import SECRETS, create_once
from rigs.kubernetes import KubernetesRig, ScriptedKubelet
from rigs.kubernetes.dask_operator import install_definitions
from rigs.kubernetes.manifests import container, job

pytestmark = pytest.mark.usefixtures("emptied")


@pytest.fixture(scope="module")
def shared_rig() -> Iterator[KubernetesRig]:
    with KubernetesRig(kubelet=ScriptedKubelet()) as rig:
        install_definitions(rig)
        yield rig


@pytest.fixture
def emptied(rig: KubernetesRig, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(kube_cluster, "load", lambda: None)
    yield
    for kind in ("DaskCluster", "DaskAutoscaler", "Job", "Pod", "Secret"):
        for one in rig.objects(kind):
            if rig.find(kind, one["metadata"]["name"]):
                rig.delete(kind, one["metadata"]["name"], grace_seconds=0)


def prepared_with(cluster: str) -> Prepared:
    environment = DaskKubernetesEnvironment(metadata={"image": "a:1"}, cluster=cluster)
    return prepare(flows.add, environment=environment, parameters={"a": 1})


@pytest.fixture
def owner(rig: KubernetesRig) -> dict[str, Any]:
    [made] = rig.apply(job(container()))
    return {"apiVersion": "batch/v1", "kind": "Job", "name": "job", "uid": made["metadata"]["uid"]}


@pytest.fixture
def run() -> Prepared:
    return prepared_with("operator")


@pytest.fixture
def plan(run: Prepared, owner: dict[str, Any]) -> ClusterPlan:
    return ClusterPlan(run.spec["dask_cluster"], 1, 2, owner=owner, deadline=0.5)


def cluster_of(client: Client, plan: ClusterPlan, run: Prepared) -> OperatorCluster:
    return OperatorCluster(client, plan, run.flow_run.id, lambda text: None)


# -- names that are taken ------------------------------------------------------------------


@pytest.mark.parametrize("owners", ["none", "another"])
def test_a_cluster_with_copied_labels_is_neither_used_nor_removed(
    rig: KubernetesRig, client: Client, run: Prepared, plan: ClusterPlan, owners: str
) -> None:
    metadata = dict(plan.manifest["metadata"])
    if owners == "another":
        [other] = rig.apply(job(container(), name="other"))
        uid = other["metadata"]["uid"]
        metadata["ownerReferences"] = [{**(plan.owner or {}), "name": "other", "uid": uid}]
    rig.apply({**plan.manifest, "metadata": metadata})
    before = rig.get("DaskCluster", plan.name)["metadata"]["uid"]
    said: list[str] = []
    cluster = OperatorCluster(client, plan, run.flow_run.id, said.append)

    with pytest.raises(RunConflict, match="isn't this run's"):
        cluster.open()
    cluster.close()

    assert rig.get("DaskCluster", plan.name)["metadata"]["uid"] == before
    assert said == [f"Making the DaskCluster {plan.name}."]


def test_a_cluster_that_was_swapped_is_not_used_although_it_has_the_attempts_mark(
    rig: KubernetesRig, client: Client, run: Prepared, plan: ClusterPlan
) -> None:
    cluster = cluster_of(client, plan, run)
    manifest = cluster._manifest()
    manifest["metadata"] = {
        **manifest["metadata"],
        "annotations": {ATTEMPT: cluster._attempt},
        "labels": {},
    }
    manifest["spec"] = json.loads(json.dumps(manifest["spec"]))
    manifest["spec"]["worker"]["spec"]["hostPID"] = True
    rig.apply(manifest)

    with pytest.raises(RunConflict, match="isn't this run's"):
        cluster.open()


def test_a_secret_of_the_name_that_another_made_gives_workers_no_variable(
    rig: KubernetesRig, client: Client, run: Prepared, plan: ClusterPlan
) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": plan.name, "namespace": "default", "labels": plan.labels},
        "stringData": {"PASSWORD": "mine"},
    }
    data = {"PYTHONPATH": base64.b64encode(b"/evil").decode()}
    rig.apply({**{k: v for k, v in manifest.items() if k != "stringData"}, "data": data})
    mine = replace(plan, owner=None, secret={**manifest, "stringData": {"PASSWORD": Secret("me")}})

    with pytest.raises(RunConflict, match="isn't this run's"):
        cluster_of(client, mine, run).open()


def test_an_object_that_is_there_counts_only_with_its_owner_and_content(
    rig: KubernetesRig, client: Client, owner: dict[str, Any]
) -> None:
    metadata = {"name": "s", "namespace": "default", "ownerReferences": [owner]}
    manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    mine = {**manifest, "stringData": {"a": "1"}, "immutable": True}
    made = create_once(client, SECRETS, mine)

    assert create_once(client, SECRETS, mine)["metadata"]["uid"] == made["metadata"]["uid"]
    for other in (
        {**mine, "stringData": {"a": "2"}},
        {**mine, "stringData": {"a": "1", "b": "1"}},
        {**mine, "immutable": False},
        {**mine, "type": "other"},
        {**mine, "metadata": {**metadata, "ownerReferences": [{**owner, "uid": "x"}]}},
        {**mine, "metadata": {**metadata, "ownerReferences": []}},
    ):
        with pytest.raises(RunConflict):
            create_once(client, SECRETS, other)


def test_pods_with_copied_labels_are_not_removed_with_an_earlier_attempts(
    rig: KubernetesRig, client: Client, owner: dict[str, Any]
) -> None:
    run = prepared_with("pods")
    plan = ClusterPlan(run.spec["worker_pod"], 0, 1, owner=owner)
    pod = plan.manifest
    for name, owners in (("earlier", [owner]), ("strangers", [])):
        metadata = {**pod["metadata"], "name": name, "ownerReferences": owners}
        rig.apply({**pod, "metadata": metadata})
    workers = WorkerPods(
        client,
        plan,
        run.flow_run.id,
        "tls://10.0.0.1:8786",
        say=lambda text: None,
        on_end=lambda name: None,
        on_give_up=lambda error: None,
    )
    workers.start()
    rig.wait_until(lambda: rig.find("Pod", "earlier") is None, "the end of the earlier one")
    workers.close()

    assert rig.find("Pod", "strangers") is not None


# -- what the Secret brings ----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["operator", "pods"])
def test_a_cluster_is_made_of_what_was_submitted_and_nothing_else(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepared_with(kind)
    environment = run.flow_run.environment
    assert isinstance(environment, DaskKubernetesEnvironment)
    sent = packed(run.spec, environment, make_certificates() if kind == "pods" else None)
    [flow] = sent["job"]["spec"]["template"]["spec"]["containers"]
    for entry in flow["env"]:
        if entry["name"].startswith("FLOWENV_DASK_CLUSTER"):
            monkeypatch.setenv(entry["name"], entry["value"])
    for name, content in sent["secret"]["stringData"].items():
        (tmp_path / name).write_text(content.reveal() if isinstance(content, Secret) else content)
    file = tmp_path / "dask-cluster.json"

    assert plan_inside(environment, str(file)).name

    for one in sorted(tmp_path.glob("dask-*")):
        before = one.read_text()
        one.write_text(before + " ")
        with pytest.raises(PayloadError, match="isn't what this run was submitted with"):
            plan_inside(environment, str(file))
        one.write_text(before)


def test_nobody_changes_the_secret_of_a_run(rig: KubernetesRig, client: Client) -> None:
    environment = DaskKubernetesEnvironment(metadata={"image": "a:1"}, cluster="operator")
    environment.execute(flows.add, a=1)
    [secret] = rig.objects("Secret")
    evil = base64.b64encode(b"{}").decode()

    with pytest.raises(FlowenvError, match="field is immutable"):
        client.patch(
            SECRETS, "default", secret["metadata"]["name"], {"data": {"dask-cluster.json": evil}}
        )
