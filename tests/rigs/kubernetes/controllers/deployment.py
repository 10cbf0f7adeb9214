"""The Deployment and ReplicaSet controllers."""

from __future__ import annotations

import hashlib
import json

from rigs.kubernetes.cluster import Cluster
from rigs.kubernetes.controllers.children import create_pod, key_of_pod, pods_of
from rigs.kubernetes.controllers.queue import WorkQueue
from rigs.kubernetes.deletion import DeleteOptions
from rigs.kubernetes.objects import Manifest, condition, is_true, owner_reference, owner_uids
from rigs.kubernetes.resources import DEPLOYMENT, POD, REPLICA_SET, ResourceType
from rigs.kubernetes.store import Change, Key

_HASH_LABEL = "pod-template-hash"


class _OwnersController:
    """Looks at an object whenever it changes, or one that it owns does."""

    _owner: ResourceType
    _owned: ResourceType

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._store = cluster.store
        self._queue = WorkQueue(cluster.loop, self._sync)
        cluster.store.listen(self._heard)

    def _heard(self, change: Change) -> None:
        if change.key.resource == self._owner and change.kind != "DELETED":
            self._queue.add(change.key)
        elif change.key.resource == self._owned:
            for uid in owner_uids(change.object):
                owner = self._store.key_of_uid(uid)
                if owner is not None and owner.resource == self._owner:
                    self._queue.add(owner)

    def _sync(self, key: Key) -> None:
        raise NotImplementedError


class DeploymentController(_OwnersController):
    """Keeps one ReplicaSet for each template that a Deployment has had.

    A changed template scales the old ReplicaSet to nothing and the new one up at once; a real
    cluster goes step by step.
    """

    _owner, _owned = DEPLOYMENT, REPLICA_SET

    def _sync(self, key: Key) -> None:
        deployment = self._store.find(key)
        if deployment is None or "deletionTimestamp" in deployment["metadata"]:
            return
        spec = deployment["spec"]
        digest = hashlib.sha256(json.dumps(spec["template"], sort_keys=True).encode())
        template_hash = digest.hexdigest()[:10]
        current = Key(REPLICA_SET, key.namespace, f"{key.name}-{template_hash}")
        if self._store.find(current) is None:
            manifest = _replica_set(deployment, current.name, template_hash)
            self._cluster.create(REPLICA_SET, key.namespace, manifest)
        replicas = 0
        for owned in self._store.dependents(deployment["metadata"]["uid"]):
            wanted = int(spec["replicas"]) if owned == current else 0
            replica_set = self._store.get(owned)
            if replica_set["spec"]["replicas"] != wanted:
                scaled = {**replica_set["spec"], "replicas": wanted}
                self._store.replace(owned, {**replica_set, "spec": scaled})
            replicas += (replica_set.get("status") or {}).get("replicas", 0)
        self._write_status(key, deployment, self._store.get(current), replicas)

    def _write_status(
        self, key: Key, deployment: Manifest, current: Manifest, replicas: int
    ) -> None:
        wanted = int(deployment["spec"]["replicas"])
        ready = (current.get("status") or {}).get("readyReplicas", 0)
        available = condition("Available", ready >= wanted, "MinimumReplicasAvailable")
        self._store.set_status(
            key,
            observedGeneration=deployment["metadata"].get("generation"),
            replicas=replicas,
            updatedReplicas=(current.get("status") or {}).get("replicas", 0),
            readyReplicas=ready,
            availableReplicas=ready,
            unavailableReplicas=max(wanted - ready, 0),
            conditions=_kept(deployment, available),
        )


class ReplicaSetController(_OwnersController):
    """Keeps as many pods as a ReplicaSet wants."""

    _owner, _owned = REPLICA_SET, POD

    def _sync(self, key: Key) -> None:
        replica_set = self._store.find(key)
        if replica_set is None or "deletionTimestamp" in replica_set["metadata"]:
            return
        spec = replica_set["spec"]
        pods = [
            pod
            for pod in pods_of(self._cluster, replica_set["metadata"]["uid"])
            if "deletionTimestamp" not in pod["metadata"]
            and pod["status"].get("phase") not in ("Succeeded", "Failed")
        ]
        wanted = int(spec.get("replicas", 1))
        labels = spec["template"]["metadata"]["labels"]
        for _ in range(wanted - len(pods)):
            create_pod(self._cluster, key, f"{key.name}-", spec["template"], labels)
        # Pods that aren't ready go first, then the youngest.
        pods.sort(key=lambda pod: (not is_true(pod, "Ready"), pod["metadata"]["creationTimestamp"]))
        for pod in reversed(pods[: len(pods) - wanted] if wanted < len(pods) else []):
            self._cluster.deleter.delete(key_of_pod(pod), DeleteOptions("Background"))
        ready = sum(is_true(pod, "Ready") for pod in pods[:wanted])
        self._store.set_status(
            key, replicas=max(len(pods), wanted), readyReplicas=ready, availableReplicas=ready
        )


def _replica_set(deployment: Manifest, name: str, template_hash: str) -> Manifest:
    spec = deployment["spec"]
    template = spec["template"]
    metadata = template.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), _HASH_LABEL: template_hash}
    return {
        "metadata": {
            "name": name,
            "labels": labels,
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": {
            "replicas": int(spec["replicas"]),
            "selector": {"matchLabels": labels},
            "template": {**template, "metadata": {**metadata, "labels": labels}},
        },
    }


def _kept(deployment: Manifest, new: Manifest) -> list[Manifest]:
    old = next(
        (
            item
            for item in deployment["status"].get("conditions") or []
            if item["type"] == new["type"] and item["status"] == new["status"]
        ),
        None,
    )
    return [old or new]
