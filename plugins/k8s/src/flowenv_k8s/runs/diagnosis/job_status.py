"""What a Job says by itself, without its pods. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from flowenv.plugin import EXIT_CRASHED, EXIT_FAILED, Outcome, Reason, State, Status
from flowenv_k8s.runs.diagnosis.pod_status import is_gated
from flowenv_k8s.runs.diagnosis.reasons import BY_SIGNAL, HINTS
from flowenv_k8s.spec.labels import CANCELLED, OUTCOME

_HAS_NODE = ("PodScheduled", "True")
_LARGEST_RECORD = 8192
"""Bytes beyond which a record isn't looked at: ours are smaller."""


def job_condition(job: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """A Job's condition of a kind, if it holds."""
    for one in (job.get("status") or {}).get("conditions") or ():
        if one.get("type") == kind and one.get("status") == "True":
            return one  # type: ignore[no-any-return]
    return None


def is_over(job: Mapping[str, Any]) -> bool:
    """True if the Job itself says that it has ended."""
    return any(job_condition(job, kind) is not None for kind in ("Complete", "Failed"))


def is_held(job: Mapping[str, Any] | None, pods: Iterable[Mapping[str, Any]]) -> bool:
    """True if a run doesn't start because somebody holds it back: suspended or gated."""
    suspended = bool(((job or {}).get("spec") or {}).get("suspend"))
    return suspended or any(map(is_gated, pods))


def released(job: Mapping[str, Any] | None, pods: Iterable[Mapping[str, Any]]) -> str:
    """When a Job was last let go on, by the cluster's clock: made, resumed, or given a node."""
    found = [((job or {}).get("status") or {}).get("startTime") or ""]
    if job is not None:
        found.append(job["metadata"].get("creationTimestamp") or "")
    for pod in pods:
        conditions = (pod.get("status") or {}).get("conditions") or ()
        given = (c for c in conditions if (c.get("type"), c.get("status")) == _HAS_NODE)
        found += [one.get("lastTransitionTime") or "" for one in given]
    return max(found)


def may_retry(job: Mapping[str, Any]) -> bool:
    """True if the Job may make another pod after one that failed."""
    # 6 is what Kubernetes takes when the manifest says nothing
    return int((job.get("spec") or {}).get("backoffLimit", 6)) > 0


def without_pod(job: Mapping[str, Any]) -> Status:
    """How a run stands whose Job has no pod yet."""
    if (job.get("spec") or {}).get("suspend"):
        return Status(State.SUBMITTED, message="The Job is suspended.")
    return Status(State.SUBMITTED)


def failed_without_pod(failed: Mapping[str, Any]) -> Status:
    """How a run ended whose Job has failed and whose pod is gone, as far as the Job says it.

    Args:
        failed: the Job's condition.
    """
    words = failed.get("message") or ""
    message = f"The Job failed: {failed.get('reason')}: {words}".rstrip(": ")
    message += "; its pod is gone, and nobody has kept more of how the flow ended."
    found = re.search(r" failed with exit code (\d+) matching", words)
    code = int(found[1]) if found else None
    if code == EXIT_FAILED:
        return Status(State.FAILED, message=message)
    if "has condition DisruptionTarget" in words:
        reason = Reason.EVICTED
    elif code is None or code in BY_SIGNAL:
        reason = Reason.LOST  # a pod that was deleted
    else:
        reason = Reason.START_ERROR if code == EXIT_CRASHED else Reason.EXITED
    return Status(State.CRASHED, reason, message, HINTS.get(reason, ""))


def left_outcome(job: Mapping[str, Any], run_id: str, seal: str) -> Outcome | None:
    """How the run ended, as somebody who saw it has left on the Job."""
    text = str((job["metadata"].get("annotations") or {}).get(OUTCOME) or "")
    return Outcome.from_text(text, run_id, seal) if 0 < len(text) <= _LARGEST_RECORD else None


def is_marked_cancelled(job: Mapping[str, Any]) -> bool:
    """True if flowenv has been told to cancel the run."""
    return bool((job["metadata"].get("annotations") or {}).get(CANCELLED))
