"""The cluster's one node: what is known of it while its kubelet is silent, and right after that."""

from __future__ import annotations

from rigs.kubernetes.events import EventRecorder
from rigs.kubernetes.faults import Fault, Faults
from rigs.kubernetes.objects import Manifest, condition, is_true, with_condition
from rigs.kubernetes.resources import NODE, POD
from rigs.kubernetes.store import Key, Store

NODE_NAME = "rig-node"
KEY = Key(NODE, "", NODE_NAME)
READY = condition("Ready", True, "KubeletReady", "kubelet is posting ready status")
_SILENT = condition("Ready", "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
_TAINT = {"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"}


class Node:
    """What the node's controller does to it and its pods, as measured on 1.36.

    Where no other node is left, it evicts nothing: for that see the fault ``node_lost``.

    Args:
        store: where they are.
        events: who records events.
        faults: where the outages of the kubelet come from.
    """

    def __init__(self, store: Store, events: EventRecorder, faults: Faults) -> None:
        self._store, self._events = store, events
        self._unknown: set[str] = set()
        faults.listen("outage", self._outage_changed)

    def has_yet_to_hear_of(self, uid: str) -> bool:
        """Whether the kubelet was just started and doesn't know a pod: true once for each."""
        is_unknown = uid in self._unknown
        self._unknown.discard(uid)
        return is_unknown

    def _outage_changed(self, fault: Fault, injected: bool) -> None:
        if fault.kind.name != "kubelet_down":
            return
        pods = self._store.list(POD)
        self._unknown = set() if injected else {pod["metadata"]["uid"] for pod in pods}
        if fault.options["noticed"]:
            node, taints = self._store.get(KEY), {"taints": [_TAINT]} if injected else {}
            others = {name: one for name, one in node["spec"].items() if name != "taints"}
            self._store.replace(KEY, {**node, "spec": {**others, **taints}})
            self._store.set_status(KEY, conditions=[_SILENT if injected else READY])
            for pod in pods:
                self._mark(pod, is_silent=injected)

    def _mark(self, pod: Manifest, *, is_silent: bool) -> None:
        """Change a pod's readiness, and nothing else: its containers stay as they were told of."""
        key = Key(POD, pod["metadata"]["namespace"], pod["metadata"]["name"])
        if is_true(pod, "Ready") is is_silent and is_true(pod, "ContainersReady"):
            conditions = with_condition(
                pod["status"]["conditions"], condition("Ready", not is_silent)
            )
            self._store.set_status(key, conditions=conditions)
        if is_silent:
            self._events.warning(key, "NodeNotReady", "Node is not ready", "node-controller")
