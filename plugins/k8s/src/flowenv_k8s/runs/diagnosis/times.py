"""When a run's flow started and ended, by the cluster's own clock. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flowenv.plugin import moment
from flowenv_k8s.runs.diagnosis.job_status import job_condition
from flowenv_k8s.runs.diagnosis.pod_status import container_status

Moment = datetime.datetime | None


def run_times(
    job: Mapping[str, Any] | None, pods: Sequence[Mapping[str, Any]], container: str
) -> tuple[Moment, Moment]:
    """When the flow's container first started, and when it last ended; None if nobody says.

    A Job whose pods are gone still says when it began and ended itself.

    Args:
        job: the run's Job, if it is there.
        pods: its pods.
        container: the flow's container; empty for the first.
    """
    started, ended = list[datetime.datetime](), list[datetime.datetime]()
    for state in (state for pod in pods for state in _states(pod, container)):
        if found := moment(state.get("startedAt")):
            started.append(found)
        if found := moment(state.get("finishedAt")):
            ended.append(found)
    of_job = ((job or {}).get("status") or {}) if not pods else {}
    over = [one for kind in ("Complete", "Failed") if (one := job_condition(job or {}, kind))]
    of_end = over[0].get("lastTransitionTime") if over else None
    begun, end = moment(of_job.get("startTime")), moment(of_end)
    return min(started, default=begun if end else None), max(ended, default=end)


def _states(pod: Mapping[str, Any], container: str) -> Iterator[Mapping[str, Any]]:
    """What a container's status says of its present and its last attempt."""
    status = container_status(pod, container)
    for which in ("state", "lastState"):
        for kind in ("running", "terminated"):
            yield (status.get(which) or {}).get(kind) or {}
