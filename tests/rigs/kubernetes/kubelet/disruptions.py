"""What the cluster itself does to a pod: eviction, preemption, loss of its node."""

from __future__ import annotations

from rigs.kubernetes.cluster import Cluster
from rigs.kubernetes.deletion import DeleteOptions
from rigs.kubernetes.kubelet.pod_status import unknown
from rigs.kubernetes.node import NODE_NAME
from rigs.kubernetes.objects import Manifest, condition, with_condition
from rigs.kubernetes.store import Key

FAULTS = ("oom_kill", "evicted", "status_unknown", "preempted", "node_lost")
"""What can happen to a pod that runs."""

# Sentences of pkg/kubelet/eviction/helpers.go, of the scheduler's preemption plugin
# (framework/preemption/preemption.go), of the taint eviction controller and of the pod garbage
# collector (pkg/controller/podgc/gc_controller.go).
_PREEMPTED = "default-scheduler: preempting to accommodate a higher priority pod"
_TAINTED = "Taint manager: deleting due to NoExecute taint"
_NODE_GONE = "PodGC: node no longer exists"


def _disrupted(pod: Manifest, reason: str, message: str) -> list[Manifest]:
    target = condition("DisruptionTarget", True, reason, message)
    return with_condition(pod["status"].get("conditions"), target)


def evict(cluster: Cluster, key: Key, container: str, *, keep_statuses: bool) -> None:
    """Let the kubelet evict a pod for want of memory; often it keeps no container statuses."""
    pod = cluster.store.get(key)
    words = (
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 17348Ki. "
        f"Container {container} was using 188Ki, request is 0, has larger consumption of memory. "
    )
    cluster.events.warning(key, "Evicted", words, "kubelet")
    statuses = pod["status"].get("containerStatuses") if keep_statuses else None
    cluster.store.set_status(
        key,
        phase="Failed",
        reason="Evicted",
        message=words,
        conditions=_disrupted(pod, "TerminationByKubelet", words),
        containerStatuses=statuses,
    )


def lose_container(cluster: Cluster, key: Key) -> None:
    """Let the kubelet find no container, as after a node's restart: nobody knows how it ended."""
    pod = cluster.store.get(key)
    statuses = [
        {**status, "state": unknown(), "ready": False, "started": False}
        for status in pod["status"].get("containerStatuses") or []
    ]
    cluster.store.set_status(key, phase="Failed", containerStatuses=statuses)


def preempt(cluster: Cluster, key: Key) -> None:
    """Let the scheduler delete a pod in favour of another."""
    pod = cluster.store.get(key)
    words = f"Preempted by a pod on node {NODE_NAME}"
    cluster.events.normal(key, "Preempted", words, "default-scheduler")
    conditions = _disrupted(pod, "PreemptionByScheduler", _PREEMPTED)
    cluster.store.set_status(key, conditions=conditions)
    cluster.deleter.delete(key, DeleteOptions("Background"))


def lose_node(cluster: Cluster, key: Key) -> None:
    """Let a pod's node go silent: the pod is marked, then removed with the node."""
    pod = cluster.store.get(key)
    conditions = _disrupted(pod, "DeletionByTaintManager", _TAINTED)
    conditions = with_condition(conditions, condition("Ready", False))
    cluster.store.set_status(key, conditions=conditions)
    cluster.events.warning(key, "NodeNotReady", "Node is not ready", "node-controller")
    words = f"Marking for deletion Pod {key.namespace}/{key.name}"
    cluster.events.normal(key, "TaintManagerEviction", words, "taint-eviction-controller")
    uid = pod["metadata"]["uid"]
    cluster.deleter.delete(key, DeleteOptions("Background"))
    cluster.later(0.1, lambda: _collect_pod(cluster, key, uid))


def _collect_pod(cluster: Cluster, key: Key, uid: str) -> None:
    pod = cluster.store.find(key)
    if pod is not None and pod["metadata"]["uid"] == uid:
        conditions = _disrupted(pod, "DeletionByPodGC", _NODE_GONE)
        cluster.store.set_status(key, phase="Failed", conditions=conditions)
        cluster.deleter.release_pod(key, uid)
