"""When what of a run happened, by the cluster's own clock. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from flowenv.plugin import Outcome, Reason, RunTimes, moment
from flowenv_k8s.runs.diagnosis.job_status import is_held, job_condition
from flowenv_k8s.runs.diagnosis.pod_status import container_status

Moment = datetime.datetime | None

PULLED, UNPLACED = "Pulled", "FailedScheduling"
"""The reasons of events that tell when an image was there, and that there was no node."""
_NEVER_RAN = (Reason.IMAGE_PULL, Reason.UNSCHEDULABLE, Reason.QUOTA)
"""Why the container of a run that is over was never started."""


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


def times_of(
    job: Mapping[str, Any] | None,
    pods: Sequence[Mapping[str, Any]],
    container: str,
    events: Sequence[Mapping[str, Any]] = (),
    outcome: Outcome | None = None,
) -> RunTimes:
    """When what of a run happened; of several attempts the first start and the last end.

    Args:
        job: the run's Job, if it is there.
        pods: its pods.
        container: the flow's container; empty for the first.
        events: of theirs that say when an image was there (`PULLED`), and when there was no node
            (`UNPLACED`).
        outcome: the flow's own record, if there is one.
    """
    started, ended = run_times(job, pods, container)
    if outcome and outcome.reason in _NEVER_RAN:
        started = None  # when the Job began is another matter
    given = (one for pod in pods for one in (pod.get("status") or {}).get("conditions") or ())
    placed = _first(one.get("lastTransitionTime") for one in given if _has_a_node(one))
    ungated = _ungated(job or {}, placed, events)
    made = ((job or {}).get("metadata") or {}).get("creationTimestamp")
    of_one = None if _attempts(pods, container) else outcome
    installing, installed = of_one.installing if of_one else (None, None)
    clustering, clustered = of_one.clustering if of_one else (None, None)
    return RunTimes(
        made=moment(made),
        released=max(filter(None, (_resumed(job or {}), ungated)), default=None),
        scheduled=placed,
        pulled=_pulled(pods, container, events),
        started=started,
        installing=installing,
        installed=installed,
        clustering=clustering,
        clustered=clustered,
        running=of_one.began if of_one else None,
        returned=of_one.returned if of_one else None,
        ended=ended,
        is_held=is_held(job, pods),
    )


def _pulled(
    pods: Sequence[Mapping[str, Any]], container: str, events: Sequence[Mapping[str, Any]]
) -> Moment:
    """When the image of the flow's container was first there."""
    names = {container_status(pod, container).get("name") or container for pod in pods}
    return _first(_told(one) for one in _about(PULLED, events) if _container(one) in names)


def _ungated(job: Mapping[str, Any], placed: Moment, events: Sequence[Mapping[str, Any]]) -> Moment:
    """When the gates of a Job's pod had gone, which nobody notes: the scheduler tried it first."""
    if not is_made_gated(job):
        return None
    tried = _first(_told(one) for one in _about(UNPLACED, events))
    return min(filter(None, (tried, placed)), default=None)


def is_made_gated(job: Mapping[str, Any]) -> bool:
    """True if a Job's pods have gates when they are made."""
    template = (job.get("spec") or {}).get("template") or {}
    return bool((template.get("spec") or {}).get("schedulingGates"))


def _about(reason: str, events: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return (one for one in events if one.get("reason") == reason)


def _told(event: Mapping[str, Any]) -> str | None:
    """When an event was first told."""
    return event.get("firstTimestamp") or event.get("eventTime")


def _resumed(job: Mapping[str, Any]) -> Moment:
    """When a Job that was suspended was let go on, which Kubernetes notes as a condition."""
    for one in (job.get("status") or {}).get("conditions") or ():
        if (one.get("type"), one.get("status")) == ("Suspended", "False"):
            return moment(one.get("lastTransitionTime"))
    return None


def _first(texts: Iterable[str | None]) -> Moment:
    return min((found for text in texts if (found := moment(text))), default=None)


def _has_a_node(condition: Mapping[str, Any]) -> bool:
    return (condition.get("type"), condition.get("status")) == ("PodScheduled", "True")


def _container(event: Mapping[str, Any]) -> str:
    """The container that a pod's event is about."""
    path = str((event.get("involvedObject") or {}).get("fieldPath") or "")
    return path.removeprefix("spec.containers{").removesuffix("}")


def _attempts(pods: Sequence[Mapping[str, Any]], container: str) -> bool:
    """True if there was more than one, so that the record tells of the last one only."""
    statuses = (container_status(pod, container) for pod in pods)
    return len(pods) > 1 or any(one.get("restartCount") for one in statuses)


def _states(pod: Mapping[str, Any], container: str) -> Iterator[Mapping[str, Any]]:
    """What a container's status says of its present and its last attempt."""
    status = container_status(pod, container)
    for which in ("state", "lastState"):
        for kind in ("running", "terminated"):
            yield (status.get(which) or {}).get(kind) or {}
