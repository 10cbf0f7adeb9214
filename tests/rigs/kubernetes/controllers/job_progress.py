"""How far a Job is, and how it ends."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from rigs.kubernetes.objects import Manifest


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


COMPLETE = Verdict("Complete", "CompletionsReached", "Reached expected number of succeeded pods")
BACKOFF_LIMIT = Verdict(
    "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"
)
DEADLINE = Verdict("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")


@dataclass
class Progress:
    """What the controller remembers of a Job: pods stay counted when they are gone."""

    began: float = field(default_factory=time.monotonic)
    succeeded: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    last_failure: float = 0.0
    made: set[str] = field(default_factory=set)
    """Pods that the controller has made, and wants; only these count."""
    refused: int = 0
    """How many pods in a row couldn't be created."""
    verdict: Verdict | None = None
    deadline: asyncio.TimerHandle | None = None
    deadline_seconds: float | None = None
    retry: asyncio.TimerHandle | None = None
    expiry: asyncio.TimerHandle | None = None

    def count(self, pod: Manifest, *, is_lost: bool) -> None:
        """Count a pod that has ended, or is lost, once."""
        uid, phase = pod["metadata"]["uid"], pod["status"].get("phase")
        if uid not in self.made or uid in self.succeeded or uid in self.failed:
            return
        if phase == "Succeeded":
            self.succeeded.add(uid)
        elif phase == "Failed" or is_lost:
            self.failed.add(uid)
            self.last_failure = time.monotonic()

    def stop(self) -> None:
        """Cancel the timers."""
        for timer in (self.deadline, self.retry, self.expiry):
            if timer is not None:
                timer.cancel()

    def suspend(self) -> None:
        """Let no time count; it begins anew when the Job is resumed."""
        self.stop()
        self.deadline = self.deadline_seconds = self.retry = None


def verdict_of(job: Manifest, progress: Progress, pods: list[Manifest]) -> Verdict | None:
    """Return how a Job ends by its pods; None while it goes on."""
    spec = job["spec"]
    for pod in pods:
        if pod["metadata"]["uid"] in progress.failed and (why := _matching_rule(spec, pod)):
            return Verdict("Failed", "PodFailurePolicy", why)
    if len(progress.failed) > int(spec["backoffLimit"]):
        return BACKOFF_LIMIT
    if spec["template"]["spec"].get("restartPolicy") == "OnFailure":
        restarts = sum(
            status.get("restartCount", 0)
            for pod in pods
            for status in pod["status"].get("containerStatuses") or []
        )
        if restarts > 0 and restarts >= int(spec["backoffLimit"]):
            return BACKOFF_LIMIT
    if len(progress.succeeded) >= int(spec["completions"]):
        return COMPLETE
    return None


def _matching_rule(spec: Manifest, pod: Manifest) -> str | None:
    """Return what is said of a failed pod for which the Job is to fail; sentences as of 1.36.

    Only the action FailJob is known here.
    """
    metadata = pod["metadata"]
    whole = f"{metadata.get('namespace')}/{metadata['name']}"
    for index, rule in enumerate((spec.get("podFailurePolicy") or {}).get("rules") or []):
        end = f"matching {rule['action']} rule at index {index}"
        for wanted in rule.get("onPodConditions") or []:
            if any(
                (one["type"], one["status"]) == (wanted["type"], wanted.get("status", "True"))
                for one in pod["status"].get("conditions") or []
            ):
                return f"Pod {whole} has condition {wanted['type']} {end}"
        codes = rule.get("onExitCodes")
        for status in (pod["status"].get("containerStatuses") or []) if codes else []:
            code = (status["state"].get("terminated") or {}).get("exitCode", 0)
            is_meant = codes.get("containerName") in (None, status["name"])
            if is_meant and code and (code in codes["values"]) is (codes["operator"] == "In"):
                container = f"Container {status['name']} for pod {whole}"
                return f"{container} failed with exit code {code} {end}"
    return None
