"""The Job controller, as Kubernetes 1.33 has it."""

from __future__ import annotations

import time

from rigs.kubernetes.cluster import Cluster
from rigs.kubernetes.controllers.children import adopt, create_pod, key_of_pod, pods_of, surplus
from rigs.kubernetes.controllers.job_progress import DEADLINE, Progress, Verdict, verdict_of
from rigs.kubernetes.controllers.queue import WorkQueue
from rigs.kubernetes.deletion import DeleteOptions
from rigs.kubernetes.objects import (
    Manifest,
    condition,
    controller_uid,
    is_true,
    timestamp,
    with_condition,
)
from rigs.kubernetes.resources import JOB, POD
from rigs.kubernetes.store import Change, Key

_COMPONENT = "job-controller"
_UID_LABEL = "batch.kubernetes.io/controller-uid"
_LONGEST_BACKOFF = 360.0


class JobController:
    """Makes pods for Jobs, and judges Jobs by their pods."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._store = cluster.store
        self._queue = WorkQueue(cluster.loop, self._sync)
        self._progress: dict[str, Progress] = {}
        cluster.store.listen(self._heard)

    def _heard(self, change: Change) -> None:
        if change.key.resource == JOB:
            if change.kind == "DELETED":
                progress = self._progress.pop(change.object["metadata"]["uid"], None)
                if progress is not None:
                    progress.stop()
            else:
                self._queue.add(change.key)
        elif change.key.resource == POD:
            if change.kind == "ADDED":
                self._cluster.loop.call_soon(adopt, self._cluster, change.key, _UID_LABEL, JOB)
            uid = controller_uid(change.object)
            job = self._store.key_of_uid(uid)
            if job is not None and job.resource == JOB:
                if change.kind == "DELETED":
                    progress = self._progress.setdefault(uid, Progress())
                    progress.count(change.object, is_lost=True)
                self._queue.add(job)

    def _sync(self, key: Key) -> None:
        job = self._store.find(key)
        if job is None or "deletionTimestamp" in job["metadata"]:
            return
        progress = self._progress.setdefault(job["metadata"]["uid"], Progress())
        if is_true(job, "Complete") or is_true(job, "Failed"):
            self._expire(key, job, progress)
            return
        pods = pods_of(self._cluster, job["metadata"]["uid"])
        replaces_terminating = job["spec"]["podReplacementPolicy"] != "Failed"
        for pod in pods:
            is_going = "deletionTimestamp" in pod["metadata"]
            progress.count(pod, is_lost=is_going and replaces_terminating)
        living = [pod for pod in pods if not _has_ended(pod)]
        active = [pod for pod in living if "deletionTimestamp" not in pod["metadata"]]
        if job["spec"].get("suspend") and progress.verdict is None:
            self._suspend(key, job, progress, active, living)
            return
        job = self._resumed(key, job, progress)
        self._watch_deadline(key, job, progress)
        if progress.verdict is None:
            progress.verdict = verdict_of(job, progress, pods)
        if progress.verdict is not None:
            for pod in active:
                self._cluster.deleter.delete(key_of_pod(pod), DeleteOptions("Background"))
                if progress.verdict.kind == "Failed":
                    progress.failed.add(pod["metadata"]["uid"])
            living = [pod for pod in living if self._store.find(key_of_pod(pod)) is not None]
            self._write_status(key, job, progress, [], living)
            return
        self._write_status(key, job, progress, active, living)
        occupied = active if replaces_terminating else living
        self._make_pods(key, job, progress, len(occupied), active)

    def _make_pods(
        self, key: Key, job: Manifest, progress: Progress, occupied: int, active: list[Manifest]
    ) -> None:
        spec = job["spec"]
        left = int(spec["completions"]) - len(progress.succeeded)
        missing = min(int(spec["parallelism"]), left) - occupied
        if missing < 0:
            self._remove_pods(key, progress, surplus(active, -missing))
        if missing <= 0:
            return
        if progress.failed:
            pause = self._cluster.timing.job_backoff * 2 ** (len(progress.failed) - 1)
            wait = progress.last_failure + min(pause, _LONGEST_BACKOFF) - time.monotonic()
            if wait > 0:
                self._try_later(key, progress, wait)
                return
        name, uid = key.name, job["metadata"]["uid"]
        labels = {
            _UID_LABEL: uid,
            "batch.kubernetes.io/job-name": name,
            "controller-uid": uid,
            "job-name": name,
        }
        for _ in range(missing):
            pod = create_pod(self._cluster, key, f"{name}-", spec["template"], labels)
            if pod is None:
                wait = self._cluster.timing.job_backoff * 2**progress.refused
                progress.refused += 1
                self._try_later(key, progress, min(wait, _LONGEST_BACKOFF))
                return
            progress.made.add(pod["metadata"]["uid"])
            progress.refused = 0

    def _try_later(self, key: Key, progress: Progress, seconds: float) -> None:
        if progress.retry is not None:
            progress.retry.cancel()
        progress.retry = self._cluster.later(seconds, lambda: self._queue.add(key))

    def _remove_pods(self, key: Key, progress: Progress, pods: list[Manifest]) -> None:
        """Remove pods that the Job is not to have; they don't count as failed."""
        for pod in pods:
            progress.made.discard(pod["metadata"]["uid"])
            words = f"Deleted pod: {pod['metadata']['name']}"
            self._cluster.events.normal(key, "SuccessfulDelete", words, _COMPONENT)
            self._cluster.deleter.delete(key_of_pod(pod), DeleteOptions("Background"))

    def _suspend(
        self,
        key: Key,
        job: Manifest,
        progress: Progress,
        active: list[Manifest],
        living: list[Manifest],
    ) -> None:
        """Leave a suspended Job without pods; no time counts for it."""
        progress.suspend()
        self._remove_pods(key, progress, active)
        if not is_true(job, "Suspended"):
            self._cluster.events.normal(key, "Suspended", "Job suspended", _COMPONENT)
        suspended = condition("Suspended", True, "JobSuspended", "Job suspended")
        conditions = with_condition(job["status"].get("conditions"), suspended)
        left = sum(self._store.find(key_of_pod(pod)) is not None for pod in living)
        none = {"startTime": None, "active": None, "ready": 0}
        self._store.set_status(key, **none, terminating=left, conditions=conditions)

    def _resumed(self, key: Key, job: Manifest, progress: Progress) -> Manifest:
        """Return a Job as it is after it was resumed; its time begins then."""
        if not is_true(job, "Suspended"):
            return job
        progress.began = time.monotonic()
        self._cluster.events.normal(key, "Resumed", "Job resumed", _COMPONENT)
        resumed = condition("Suspended", False, "JobResumed", "Job resumed")
        conditions = with_condition(job["status"].get("conditions"), resumed)
        return self._store.set_status(key, startTime=timestamp(), conditions=conditions) or job

    def _watch_deadline(self, key: Key, job: Manifest, progress: Progress) -> None:
        seconds = job["spec"].get("activeDeadlineSeconds")
        if seconds == progress.deadline_seconds:
            return
        # it may be changed while the Job runs
        progress.deadline_seconds = seconds
        if progress.deadline is not None:
            progress.deadline.cancel()
            progress.deadline = None
        if seconds is None:
            return

        def exceed() -> None:
            if progress.verdict is None:
                progress.verdict = DEADLINE
                self._queue.add(key)

        left = progress.began + float(seconds) - time.monotonic()
        progress.deadline = self._cluster.later(left, exceed)

    def _write_status(
        self,
        key: Key,
        job: Manifest,
        progress: Progress,
        active: list[Manifest],
        living: list[Manifest],
    ) -> None:
        status = job["status"]
        fields: Manifest = {
            "startTime": status.get("startTime") or timestamp(),
            "active": len(active) or None,
            "ready": sum(is_true(pod, "Ready") for pod in active),
            "terminating": len(living) - len(active),
            "succeeded": len(progress.succeeded) or None,
            "failed": len(progress.failed) or None,
            "uncountedTerminatedPods": {},
        }
        verdict = progress.verdict
        if verdict is not None:
            conditions = list(status.get("conditions") or [])
            known = {item["type"] for item in conditions}
            if verdict.announcement not in known:
                conditions.append(_condition(verdict.announcement, verdict))
            if not living:
                conditions.append(_condition(verdict.kind, verdict))
                self._announce(key, verdict)
                if verdict.kind == "Complete":
                    fields["completionTime"] = timestamp()
            fields["conditions"] = conditions
        self._store.set_status(key, **fields)

    def _announce(self, key: Key, verdict: Verdict) -> None:
        if verdict.kind == "Complete":
            self._cluster.events.normal(key, "Completed", "Job completed", _COMPONENT)
        else:
            self._cluster.events.warning(key, verdict.reason, verdict.message, _COMPONENT)

    def _expire(self, key: Key, job: Manifest, progress: Progress) -> None:
        """Delete a finished Job when its time is over."""
        seconds = job["spec"].get("ttlSecondsAfterFinished")
        if seconds is None or progress.expiry is not None:
            return
        uid = job["metadata"]["uid"]

        def delete() -> None:
            found = self._store.find(key)
            if found is not None and found["metadata"]["uid"] == uid:
                self._cluster.deleter.delete(key, DeleteOptions("Foreground"))

        progress.expiry = self._cluster.later(float(seconds), delete)


def _condition(kind: str, verdict: Verdict) -> Manifest:
    made = condition(kind, True, verdict.reason, verdict.message)
    return {**made, "lastProbeTime": made["lastTransitionTime"]}


def _has_ended(pod: Manifest) -> bool:
    return pod["status"].get("phase") in ("Succeeded", "Failed")
