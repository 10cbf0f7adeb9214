"""Somebody else with access to the cluster, who deletes Jobs."""

from __future__ import annotations

from rigs.kubernetes.cluster import Cluster
from rigs.kubernetes.deletion import DeleteOptions
from rigs.kubernetes.faults import Fault
from rigs.kubernetes.objects import Manifest
from rigs.kubernetes.resources import JOB
from rigs.kubernetes.store import Change, Key


class Outsider:
    """Carries out the fault ``job_deleted``: on Jobs that run, as soon as they run."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        cluster.store.listen(self._heard)
        cluster.faults.listen("job", self._fault_changed)

    def _heard(self, change: Change) -> None:
        if change.key.resource == JOB and change.kind == "MODIFIED":
            for fault in self._cluster.faults.active("job"):
                self._consider(fault, change.key, change.object)

    def _fault_changed(self, fault: Fault, injected: bool) -> None:
        for job in self._cluster.store.list(JOB) if injected else ():
            key = Key(JOB, job["metadata"]["namespace"], job["metadata"]["name"])
            self._consider(fault, key, job)

    def _consider(self, fault: Fault, key: Key, job: Manifest) -> None:
        is_running = (job.get("status") or {}).get("ready", 0) > 0
        if is_running and fault.matches_object(key, job) and fault.strike(job["metadata"]["uid"]):
            self._cluster.loop.call_soon(self._delete, key, str(fault.options["propagation"]))

    def _delete(self, key: Key, propagation: str) -> None:
        if self._cluster.store.find(key) is not None:
            self._cluster.deleter.delete(key, DeleteOptions(propagation))
