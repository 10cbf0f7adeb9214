"""The Job controller, as Kubernetes 1.33 has it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from rigs.kubernetes.cluster import Cluster
from rigs.kubernetes.controllers.children import create_pod, key_of_pod, pods_of
from rigs.kubernetes.controllers.queue import WorkQueue
from rigs.kubernetes.deletion import DeleteOptions
from rigs.kubernetes.objects import Manifest, condition, is_true, owner_uids, timestamp
from rigs.kubernetes.resources import JOB, POD
from rigs.kubernetes.store import Change, Key

_COMPONENT = "job-controller"
_LONGEST_BACKOFF = 360.0


@dataclass(frozen=True)
class Verdict:
    """How a Job ends: the words of pkg/controller/job/job_controller.go."""

    kind: str
    reason: str
    message: str

    @property
    def announcement(self) -> str:
        """The condition that comes first, while pods are still being ended."""
        return "SuccessCriteriaMet" if self.kind == "Complete" else "FailureTarget"


_COMPLETE = Verdict("Complete", "CompletionsReached", "Reached expected number of succeeded pods")
_BACKOFF_LIMIT = Verdict(
    "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"
)
_DEADLINE = Verdict("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")


@dataclass
class _Progress:
    """What the controller remembers of a Job: pods stay counted when they are gone."""

    began: float = field(default_factory=time.monotonic)
    succeeded: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    last_failure: float = 0.0
    verdict: Verdict | None = None
    deadline: asyncio.TimerHandle | None = None
    deadline_seconds: float | None = None
    retry: asyncio.TimerHandle | None = None
    expiry: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        """Cancel the timers."""
        for timer in (self.deadline, self.retry, self.expiry):
            if timer is not None:
                timer.cancel()


class JobController:
    """Makes pods for Jobs, and judges Jobs by their pods."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._store = cluster.store
        self._queue = WorkQueue(cluster.loop, self._sync)
        self._progress: dict[str, _Progress] = {}
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
            for uid in owner_uids(change.object):
                job = self._store.key_of_uid(uid)
                if job is not None and job.resource == JOB:
                    if change.kind == "DELETED":
                        progress = self._progress.setdefault(uid, _Progress())
                        self._count(progress, change.object, is_lost=True)
                    self._queue.add(job)

    def _sync(self, key: Key) -> None:
        job = self._store.find(key)
        if job is None or "deletionTimestamp" in job["metadata"]:
            return
        progress = self._progress.setdefault(job["metadata"]["uid"], _Progress())
        if is_true(job, "Complete") or is_true(job, "Failed"):
            self._expire(key, job, progress)
            return
        pods = pods_of(self._cluster, job["metadata"]["uid"])
        replaces_terminating = job["spec"]["podReplacementPolicy"] != "Failed"
        for pod in pods:
            is_going = "deletionTimestamp" in pod["metadata"]
            self._count(progress, pod, is_lost=is_going and replaces_terminating)
        living = [pod for pod in pods if not _has_ended(pod)]
        active = [pod for pod in living if "deletionTimestamp" not in pod["metadata"]]
        self._watch_deadline(key, job, progress)
        if progress.verdict is None:
            progress.verdict = _verdict(job, progress, pods)
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
        self._make_pods(key, job, progress, len(occupied))

    def _make_pods(self, key: Key, job: Manifest, progress: _Progress, occupied: int) -> None:
        spec = job["spec"]
        left = int(spec["completions"]) - len(progress.succeeded)
        missing = min(int(spec["parallelism"]), left) - occupied
        if spec.get("suspend") or missing <= 0:
            return
        if progress.failed:
            pause = self._cluster.timing.job_backoff * 2 ** (len(progress.failed) - 1)
            wait = progress.last_failure + min(pause, _LONGEST_BACKOFF) - time.monotonic()
            if wait > 0:
                if progress.retry is not None:
                    progress.retry.cancel()
                progress.retry = self._cluster.later(wait, lambda: self._queue.add(key))
                return
        name, uid = key.name, job["metadata"]["uid"]
        labels = {
            "batch.kubernetes.io/controller-uid": uid,
            "batch.kubernetes.io/job-name": name,
            "controller-uid": uid,
            "job-name": name,
        }
        for _ in range(missing):
            create_pod(self._cluster, key, f"{name}-", spec["template"], labels)

    @staticmethod
    def _count(progress: _Progress, pod: Manifest, *, is_lost: bool) -> None:
        """Count a pod that has ended, or is lost, once."""
        uid, phase = pod["metadata"]["uid"], pod["status"].get("phase")
        if uid in progress.succeeded or uid in progress.failed:
            return
        if phase == "Succeeded":
            progress.succeeded.add(uid)
        elif phase == "Failed" or is_lost:
            progress.failed.add(uid)
            progress.last_failure = time.monotonic()

    def _watch_deadline(self, key: Key, job: Manifest, progress: _Progress) -> None:
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
                progress.verdict = _DEADLINE
                self._queue.add(key)

        left = progress.began + float(seconds) - time.monotonic()
        progress.deadline = self._cluster.later(left, exceed)

    def _write_status(
        self,
        key: Key,
        job: Manifest,
        progress: _Progress,
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

    def _expire(self, key: Key, job: Manifest, progress: _Progress) -> None:
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


def _verdict(job: Manifest, progress: _Progress, pods: list[Manifest]) -> Verdict | None:
    spec = job["spec"]
    if len(progress.failed) > int(spec["backoffLimit"]):
        return _BACKOFF_LIMIT
    if spec["template"]["spec"].get("restartPolicy") == "OnFailure":
        restarts = sum(
            status.get("restartCount", 0)
            for pod in pods
            for status in pod["status"].get("containerStatuses") or []
        )
        if restarts > 0 and restarts >= int(spec["backoffLimit"]):
            return _BACKOFF_LIMIT
    if len(progress.succeeded) >= int(spec["completions"]):
        return _COMPLETE
    return None


def _condition(kind: str, verdict: Verdict) -> Manifest:
    made = condition(kind, True, verdict.reason, verdict.message)
    return {**made, "lastProbeTime": made["lastTransitionTime"]}


def _has_ended(pod: Manifest) -> bool:
    return pod["status"].get("phase") in ("Succeeded", "Failed")
