"""The kubelet that runs each container's command as a local process."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

from rigs.kubernetes.cluster import Cluster
from rigs.kubernetes.faults import Fault
from rigs.kubernetes.kubelet import disruptions
from rigs.kubernetes.kubelet.container import Container
from rigs.kubernetes.kubelet.images import Image, Images
from rigs.kubernetes.kubelet.launching import namespaces_work
from rigs.kubernetes.kubelet.pod import PodWorker
from rigs.kubernetes.kubelet.process import kill_marked
from rigs.kubernetes.log_files import ContainerLog
from rigs.kubernetes.objects import Manifest
from rigs.kubernetes.resources import CLAIM, CONFIG_MAP, POD, SECRET
from rigs.kubernetes.store import Change, Key

_LEAST_GRACE = 2.0
"""Seconds between TERM and KILL for a pod without grace (pkg/kubelet/kuberuntime)."""


class ProcessKubelet:
    """Runs pods as processes of this machine.

    Args:
        directory: where volumes and other files of pods are.
        images: the images that can be pulled; None for any name, with this Python in it.
        mount_namespaces: whether containers get a mount namespace each; None finds out whether
            they can.
    """

    def __init__(
        self,
        directory: Path,
        images: Mapping[str, Image | Mapping[str, str]] | None = None,
        mount_namespaces: bool | None = None,
    ) -> None:
        self.pods: dict[str, PodWorker] = {}
        self._directory = directory
        self._images = Images(images)
        self._mount_namespaces = mount_namespaces
        self._is_stopping = False
        self._unheard: list[Change] = []

    def start(self, cluster: Cluster) -> None:
        """Take charge of the cluster's pods."""
        self._cluster = cluster
        if self._mount_namespaces is None:
            self._mount_namespaces = namespaces_work(self._directory)
        cluster.store.listen(self._heard)
        cluster.faults.listen("pod", self._fault_changed)
        cluster.faults.listen("outage", self._outage_changed)

    async def stop(self) -> None:
        """End all pods and leave nothing behind."""
        self._cluster.store.unlisten(self._heard)
        self._is_stopping = True
        await asyncio.gather(*(pod.stop() for pod in self.pods.values()))
        self.pods.clear()
        shutil.rmtree(self._directory, ignore_errors=True)

    def kill(self) -> list[str]:
        """Kill what is left of pods after all, in any thread; return which containers it was."""
        inside = f"{self._directory}/"
        return [mark.removeprefix(inside) for mark in kill_marked(lambda m: m.startswith(inside))]

    def add_image(self, name: str, image: Image) -> None:
        """Have an image from now on; pods that wait for it start."""
        self._images.add(name, image)
        for worker in self.pods.values():
            worker.retry()

    def log(self, uid: str, container: str, *, previous: bool) -> ContainerLog | None:
        """Return the log of a container of the pod with this UID, or None."""
        found = self._container(uid, container)
        if found is None:
            return None
        is_waiting = "waiting" in found.status.state
        logs = found.logs
        if previous:
            earlier = logs if is_waiting else logs[:-1]
            return earlier[-1] if earlier else None
        return logs[-1] if logs else None

    def _container(self, uid: str, name: str) -> Container | None:
        worker = self.pods.get(uid)
        containers = worker.containers if worker else []
        return next((item for item in containers if item.status.name == name), None)

    def _outage_changed(self, fault: Fault, injected: bool) -> None:
        """Without itself or the API server it neither hears of changes nor tells of any."""
        faults = self._cluster.faults
        if injected or any(map(faults.has, ("api_down", "api_silent", "kubelet_down"))):
            fault.strike()
            self._cluster.is_told.clear()
            return
        self._cluster.is_told.set()
        unheard, self._unheard = self._unheard, []
        for change in unheard:
            self._heard(change)
        for worker in list(self.pods.values()):
            worker.report()

    def _heard(self, change: Change) -> None:
        if not self._cluster.is_told.is_set():
            self._unheard.append(change)
            return
        resource = change.key.resource
        if resource == POD:
            self._heard_of_pod(change)
        elif resource in (SECRET, CONFIG_MAP, CLAIM) and change.kind != "DELETED":
            for worker in self.pods.values():
                if worker.key.namespace == change.key.namespace and not worker.has_ended:
                    worker.retry()

    def _heard_of_pod(self, change: Change) -> None:
        uid = change.object["metadata"]["uid"]
        if change.kind == "ADDED":
            self._cluster.loop.call_soon(self._begin, change.key, uid)
            return
        worker = self.pods.get(uid)
        if worker is None:
            return
        if change.kind == "DELETED":
            self._cluster.spawn(self._forget(uid, change.object))
            return
        grace = change.object["metadata"].get("deletionGracePeriodSeconds", 0)
        before = (change.previous or {}).get("metadata", {})
        if (change.previous or {}).get("spec") != change.object["spec"]:
            worker.retry()
        if grace > 0 and before.get("deletionGracePeriodSeconds") != grace:
            worker.terminate(grace)

    def _begin(self, key: Key, uid: str) -> None:
        pod = self._cluster.store.find(key)
        if pod is None or pod["metadata"]["uid"] != uid or self._is_stopping:
            return
        self.pods[uid] = PodWorker(
            self._cluster,
            self._images,
            key,
            pod,
            self._directory / uid,
            self._account_files(pod),
            namespaces=bool(self._mount_namespaces),
        )

    async def _forget(self, uid: str, pod: Manifest) -> None:
        """Forget a pod that has gone; one that was removed without grace still has its end."""
        worker = self.pods[uid]
        if not worker.has_ended and pod["spec"].get("nodeName"):
            await worker.end(self._cluster.timing.grace(_LEAST_GRACE))
        await worker.stop()
        self.pods.pop(uid, None)
        shutil.rmtree(self._directory / uid, ignore_errors=True)

    def _account_files(self, pod: Manifest) -> dict[str, bytes]:
        """Return what the service account's volume holds, as in-cluster clients expect it."""
        authority = self._cluster.authority
        if not authority:
            return {}
        namespace = pod["metadata"]["namespace"]
        token = self._cluster.account_token(namespace, pod["spec"]["serviceAccountName"])
        return {"token": token.encode(), "namespace": namespace.encode(), "ca.crt": authority}

    def _fault_changed(self, fault: Fault, injected: bool) -> None:
        for worker in list(self.pods.values()):
            worker.retry()
            pod = self._cluster.store.find(worker.key)
            if not injected or pod is None or pod["status"].get("phase") != "Running":
                continue
            meant = fault.kind.name in disruptions.FAULTS and fault.matches_object(worker.key, pod)
            if meant and not worker.has_ended and fault.strike(worker.uid):
                worker.strike(fault)
