"""Making and removing a cluster: what is asked of Kubernetes, and what is said when it fails.

Nothing runs in these pods, and there is no operator unless a test plays it.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from flowenv.errors import PlatformError, RunConflict
from flowenv.plugin import Reason, Secret
from flowenv.remote import outages
from flowenv.submission.lifecycle import prepare
from flowenv.testing import flows
from flowenv_dask_k8s import DaskKubernetesEnvironment
from flowenv_dask_k8s.api import connection, kube_cluster
from flowenv_dask_k8s.cluster import startup
from flowenv_dask_k8s.cluster.interface import ClusterPlan
from flowenv_dask_k8s.cluster.operator import cluster as operator
from flowenv_dask_k8s.cluster.operator import heartbeat, removal
from flowenv_dask_k8s.cluster.operator.cluster import OperatorCluster, check_operator
from flowenv_k8s.api.client import Client, connect
from rigs.kubernetes import KubernetesRig, ScriptedKubelet
from rigs.kubernetes.manifests import container, job

RUN_ID = "11111111-2222-4333-8444-555555555555"


@pytest.fixture(autouse=True)
def no_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube_cluster, "load", lambda: None)
    monkeypatch.setattr(heartbeat, "_PERIOD", 3600.0)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def plan() -> ClusterPlan:
    environment = DaskKubernetesEnvironment(
        metadata={"image": "a:1"}, namespace="default", cluster="operator"
    )
    prepared = prepare(flows.add, environment=environment, parameters={"a": 1})
    prepared.flow_run.id = RUN_ID
    return ClusterPlan(prepared.spec["dask_cluster"], 1, 2, deadline=0.5)


def changed(plan: ClusterPlan, **fields: Any) -> ClusterPlan:
    return ClusterPlan(**{**plan.__dict__, **fields})


@pytest.fixture
def unopened(client: Client, plan: ClusterPlan, said: list[str]) -> OperatorCluster:
    """A cluster that isn't up in time, as nobody makes its scheduler."""
    cluster = OperatorCluster(client, plan, RUN_ID, said.append)
    with pytest.raises(PlatformError):
        cluster.open()
    return cluster


def hold(rig: KubernetesRig, plan: ClusterPlan, finalizer: str) -> None:
    """Have somebody hold the DaskCluster, who must let it go before it is gone."""
    found = rig.get("DaskCluster", plan.name)
    found["metadata"]["finalizers"] = [finalizer]
    rig.apply(found)


@contextmanager
def opening(
    client: Client, plan: ClusterPlan, said: list[str]
) -> Iterator[tuple[OperatorCluster, list[BaseException]]]:
    """A cluster that is being opened in a thread, and what that raises."""
    cluster, raised = OperatorCluster(client, plan, RUN_ID, said.append), list[BaseException]()

    def work() -> None:
        try:
            cluster.open()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield cluster, raised
    finally:
        thread.join(30)
        assert not thread.is_alive()


def scheduler_pod(plan: ClusterPlan, **spec: Any) -> dict[str, Any]:
    labels = {"dask.org/cluster-name": plan.name, "dask.org/component": "scheduler"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{plan.name}-scheduler-x", "labels": labels},
        "spec": {
            "restartPolicy": "Always",
            "containers": [{"name": "scheduler", "image": "a:1"}],
            **spec,
        },
    }


def set_phase(rig: KubernetesRig, plan: ClusterPlan, phase: str) -> None:
    rig.wait_until(lambda: rig.find("DaskCluster", plan.name), "the DaskCluster")
    found = rig.get("DaskCluster", plan.name)
    rig.apply({**found, "status": {"phase": phase}})


def test_without_the_operators_types_the_error_has_the_line_that_installs_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    with KubernetesRig(kubelet=ScriptedKubelet()) as bare:
        monkeypatch.setenv("KUBECONFIG", str(bare.kubeconfig(tmp_path / "bare")))
        with pytest.raises(PlatformError, match="There is no Dask operator") as caught:
            check_operator(connect())

    assert "helm install --repo https://helm.dask.org" in caught.value.hint


def test_types_that_have_gone_since_are_missed_where_the_flow_runs(
    plan: ClusterPlan, said: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    with KubernetesRig(kubelet=ScriptedKubelet()) as bare:
        monkeypatch.setenv("KUBECONFIG", str(bare.kubeconfig(tmp_path / "bare")))
        with pytest.raises(PlatformError, match="There is no Dask operator"):
            OperatorCluster(connect(), plan, RUN_ID, said.append).open()


def test_an_operator_that_does_not_answer_is_named(
    client: Client, plan: ClusterPlan, said: list[str]
) -> None:
    with pytest.raises(PlatformError, match="operator has not answered") as caught:
        OperatorCluster(client, plan, RUN_ID, said.append).open()

    assert caught.value.reason is Reason.DEADLINE
    assert "does it look after this namespace" in caught.value.hint


def test_an_operator_that_refuses_is_named(
    rig: KubernetesRig,
    client: Client,
    plan: ClusterPlan,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(startup, "NO_POD", 0.1)
    with opening(client, changed(plan, deadline=20.0), said) as (_, raised):
        set_phase(rig, plan, "Error")

    assert "refuses the DaskCluster" in str(raised[0])


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        ("image_pull", Reason.IMAGE_PULL, "ImagePull"),
        ("unschedulable", Reason.UNSCHEDULABLE, "Unschedulable"),
    ],
)
def test_a_scheduler_that_can_not_start_is_explained_in_time(
    fault: str,
    reason: Reason,
    words: str,
    rig: KubernetesRig,
    client: Client,
    plan: ClusterPlan,
    said: list[str],
) -> None:
    rig.faults.inject(fault, label_selector="dask.org/component=scheduler", message="no way")
    rig.apply(scheduler_pod(plan))

    with pytest.raises(PlatformError, match=r"was not up after 0\.5 s") as caught:
        OperatorCluster(client, plan, RUN_ID, said.append).open()

    assert caught.value.reason is reason
    assert words in caught.value.message
    assert "no way" in caught.value.message
    assert any(line.startswith("The scheduler waits: ") for line in said)


def test_a_start_goes_on_after_an_outage_of_the_api_server(
    rig: KubernetesRig,
    client: Client,
    plan: ClusterPlan,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outages, "SPOKEN_OF", 0.0)
    object.__setattr__(client.retries, "sleep", lambda seconds: None)
    rig.faults.inject("image_pull", label_selector="dask.org/component=scheduler")
    [made] = rig.apply(scheduler_pod(plan))
    ready: list[Any] = []
    start = startup.Startup(client, changed(plan, deadline=120.0), said.append)
    thread = threading.Thread(target=lambda: ready.append(start.wait_for_scheduler()))
    thread.start()
    rig.wait_until(lambda: said, "the image")
    with rig.faults.inject("api_down"):
        rig.wait_until(lambda: "No news since" in said[-1], "a line that says so")
    moment = made["metadata"]["creationTimestamp"]
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": moment}
    rig.apply({**rig.get("Pod", made["metadata"]["name"]), "status": {"conditions": [condition]}})
    thread.join(150)  # pauses grow with the outage, to ten seconds

    assert [one["metadata"]["uid"] for one in ready] == [made["metadata"]["uid"]]


def test_an_image_that_can_not_be_pulled_is_told_once(
    client: Client, plan: ClusterPlan, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = startup.Startup(client, plan, said.append)

    def waits(reason: str, message: str) -> None:
        pod = scheduler_pod(plan)
        state = {"waiting": {"reason": reason, "message": message}}
        pod["metadata"]["uid"] = "u"
        pod["status"] = {"containerStatuses": [{"name": "scheduler", "state": state}]}
        pod["metadata"]["labels"]["dask.org/component"] = "worker"
        monkeypatch.setattr(found, "pods", lambda component: [pod])
        found.why_no_worker()

    for _ in range(3):
        waits("ErrImagePull", "no such image")
        waits("ImagePullBackOff", "Back-off pulling image")
    waits("ErrImagePull", "no route to the registry")

    assert said == [
        "A worker waits: ErrImagePull: no such image",
        "A worker waits: ErrImagePull: no route to the registry",
    ]


def test_a_quota_that_keeps_the_scheduler_away_is_named(
    rig: KubernetesRig,
    client: Client,
    plan: ClusterPlan,
    said: list[str],
) -> None:
    message = 'pods "x" is forbidden: exceeded quota: compute'
    rig.apply(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "quota"},
            "type": "Warning",
            "reason": "FailedCreate",
            "message": message,
            "involvedObject": {"kind": "ReplicaSet", "name": f"{plan.name}-scheduler-1"},
        }
    )
    with opening(client, plan, said) as (_, raised):
        set_phase(rig, plan, "Running")

    error = raised[0]
    assert isinstance(error, PlatformError)
    assert error.reason is Reason.QUOTA
    assert message in error.message


def test_the_cluster_belongs_to_the_job(
    rig: KubernetesRig, client: Client, plan: ClusterPlan, said: list[str]
) -> None:
    [made] = rig.apply(job(container()))
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "job", "uid": made["metadata"]["uid"]}
    with pytest.raises(PlatformError):
        OperatorCluster(client, changed(plan, owner=owner), RUN_ID, said.append).open()

    found = rig.get("DaskCluster", plan.name)
    assert found["metadata"]["ownerReferences"] == [owner]
    assert found["spec"] == plan.manifest["spec"]


def test_secrets_of_a_run_without_a_job_belong_to_the_cluster(
    rig: KubernetesRig, client: Client, plan: ClusterPlan, said: list[str]
) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": "default"},
        "stringData": {"KEY": Secret("hidden")},
    }
    with pytest.raises(PlatformError):
        OperatorCluster(client, changed(plan, secret=secret), RUN_ID, said.append).open()

    [owner] = rig.get("Secret", "s")["metadata"]["ownerReferences"]
    assert owner["uid"] == rig.get("DaskCluster", plan.name)["metadata"]["uid"]


def test_a_flow_without_a_job_marks_its_cluster_until_it_is_closed(
    rig: KubernetesRig,
    client: Client,
    plan: ClusterPlan,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heartbeat, "_PERIOD", 0.01)
    cluster = OperatorCluster(client, plan, RUN_ID, said.append)
    with pytest.raises(PlatformError):
        cluster.open()
    assert heartbeat.seconds_silent(rig.get("DaskCluster", plan.name)) is not None

    def marked() -> bool:
        return rig.requests.count(verb="patch", resource="daskclusters") > 0

    rig.requests.clear()
    rig.wait_until(marked, "another mark")
    before = {one for one in threading.enumerate() if one.name == "mark-dask-cluster"}
    cluster.close()
    rig.wait_until(lambda: not all(one.is_alive() for one in before), "the end of the marks")


def test_a_cluster_with_a_job_needs_no_mark(
    rig: KubernetesRig, client: Client, plan: ClusterPlan, said: list[str]
) -> None:
    [made] = rig.apply(job(container()))
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "job", "uid": made["metadata"]["uid"]}
    with pytest.raises(PlatformError):
        OperatorCluster(client, changed(plan, owner=owner), RUN_ID, said.append).open()

    assert heartbeat.seconds_silent(rig.get("DaskCluster", plan.name)) is None


def test_a_lost_answer_makes_no_second_cluster(
    rig: KubernetesRig, client: Client, plan: ClusterPlan, said: list[str]
) -> None:
    with rig.faults.inject("answer_lost", resource="daskclusters"):
        with pytest.raises(PlatformError, match="operator has not answered"):
            OperatorCluster(client, plan, RUN_ID, said.append).open()

    assert len(rig.objects("DaskCluster")) == 1


def test_the_cluster_of_an_earlier_attempt_is_replaced(
    rig: KubernetesRig, client: Client, plan: ClusterPlan, said: list[str]
) -> None:
    [made] = rig.apply(job(container()))
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "job", "uid": made["metadata"]["uid"]}
    plan = changed(plan, owner=owner)
    with pytest.raises(PlatformError):
        OperatorCluster(client, plan, RUN_ID, said.append).open()
    first = rig.get("DaskCluster", plan.name)["metadata"]["uid"]
    rig.apply(
        {
            "apiVersion": "kubernetes.dask.org/v1",
            "kind": "DaskAutoscaler",
            "metadata": {
                "name": plan.name,
                "namespace": plan.namespace,
                "finalizers": ["kopf.zalando.org/KopfFinalizerMarker"],
                "ownerReferences": [
                    {**owner, "apiVersion": "v1", "kind": "DaskCluster", "uid": first}
                ],
            },
            "spec": {"cluster": plan.name, "minimum": 0, "maximum": 1},
        }
    )

    with pytest.raises(PlatformError, match="operator has not answered"):
        OperatorCluster(client, plan, RUN_ID, said.append).open()

    assert rig.get("DaskCluster", plan.name)["metadata"]["uid"] != first
    assert rig.find("DaskAutoscaler", plan.name) is None
    assert "Removing the cluster of an earlier attempt." in said


def test_somebody_elses_cluster_is_left_alone(
    rig: KubernetesRig, client: Client, plan: ClusterPlan, said: list[str]
) -> None:
    manifest = dict(plan.manifest)
    rig.apply({**manifest, "metadata": {**manifest["metadata"], "labels": {"own": "er"}}})
    cluster = OperatorCluster(client, plan, RUN_ID, said.append)

    with pytest.raises(RunConflict, match="isn't this run's"):
        cluster.open()
    cluster.close()

    assert rig.find("DaskCluster", plan.name) is not None


def test_closing_removes_a_cluster_that_never_came_up(
    rig: KubernetesRig, plan: ClusterPlan, said: list[str], unopened: OperatorCluster
) -> None:
    unopened.close()

    assert rig.objects("DaskCluster") == []
    assert re.fullmatch(rf"The DaskCluster {plan.name} is gone, after \d+\.\d s\.", said[-1])


def test_what_dask_says_of_a_cluster_that_is_taken_away_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, unopened: OperatorCluster
) -> None:
    shown: list[bool] = []

    def close(dask: Any, timeout: float) -> None:
        shown.append(logging.getLogger("distributed.core").isEnabledFor(logging.ERROR))

    monkeypatch.setattr(kube_cluster, "close", close)
    unopened.dask = object()

    unopened.close()

    assert shown == [False]


def test_closing_what_was_never_opened_asks_nothing(
    rig: KubernetesRig, client: Client, plan: ClusterPlan, said: list[str]
) -> None:
    rig.requests.clear()

    OperatorCluster(client, plan, RUN_ID, said.append).close()

    assert len(rig.requests) == 0


def test_a_cluster_that_a_dead_operator_holds_is_let_go(
    rig: KubernetesRig, plan: ClusterPlan, unopened: OperatorCluster
) -> None:
    hold(rig, plan, "kopf.zalando.org/KopfFinalizerMarker")

    unopened.close()

    assert rig.objects("DaskCluster") == []


def test_an_operator_that_asks_a_living_scheduler_is_waited_for(
    rig: KubernetesRig,
    client: Client,
    plan: ClusterPlan,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operator, "_TURN_WITH_SCHEDULER", 30.0)
    monkeypatch.setattr(kube_cluster, "connect", lambda *place: None)
    monkeypatch.setattr(connection, "scheduler_id", lambda dask, timeout: "Scheduler-1")
    monkeypatch.setattr(startup.Startup, "wait_for_scheduler", lambda self: scheduler_pod(plan))
    cluster = OperatorCluster(client, changed(plan, minimum=2), RUN_ID, said.append)
    cluster.open()
    hold(rig, plan, "kopf.zalando.org/KopfFinalizerMarker")
    rig.requests.clear()
    closing = threading.Thread(target=cluster.close)
    closing.start()

    # looks come at most half a second apart
    rig.wait_until(
        lambda: rig.requests.count(verb="get", resource="daskclusters") > 4, "a fifth look"
    )

    held = rig.get("DaskCluster", plan.name)
    assert held["metadata"]["finalizers"]
    rig.apply({**held, "metadata": {**held["metadata"], "finalizers": []}})
    rig.delete("DaskCluster", plan.name)
    closing.join(60)
    assert rig.find("DaskCluster", plan.name) is None


def test_what_somebody_else_holds_is_reported_and_does_not_hide_the_error(
    rig: KubernetesRig,
    plan: ClusterPlan,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    unopened: OperatorCluster,
) -> None:
    monkeypatch.setattr(removal, "_GONE", 0.2)
    hold(rig, plan, "example.com/keep")

    unopened.close()

    assert "may be left behind" in caplog.text
    assert rig.get("DaskCluster", plan.name)["metadata"]["finalizers"] == ["example.com/keep"]


def test_a_missing_right_is_said_with_its_rule(
    rig: KubernetesRig,
    client: Client,
    plan: ClusterPlan,
    said: list[str],
    deny: Callable[..., None],
) -> None:
    deny("create", "daskclusters")

    with pytest.raises(PlatformError, match="Not allowed to create") as caught:
        OperatorCluster(client, plan, RUN_ID, said.append).open()

    assert 'resources: ["daskclusters"]' in caught.value.hint


@pytest.fixture
def deny(rig: KubernetesRig) -> Callable[..., None]:
    def add(verb: str, resource: str) -> None:
        rig.faults.inject("forbidden", verb=verb, resource=resource, times=None)

    return add
