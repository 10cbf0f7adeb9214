"""What is left on the cluster of runs that are over."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flowenv.errors import FlowenvError, PlatformError
from flowenv.plugin import Leftover, State, moment, seconds_since
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.resources import CONFIG_MAPS, JOBS, PODS, Resource
from flowenv_k8s.base_environment import KubernetesEnvironment
from flowenv_k8s.runs.brought.common_part import forget_common
from flowenv_k8s.runs.brought.runtime import forget_runtime
from flowenv_k8s.runs.brought.use import KEPT, unused_for
from flowenv_k8s.runs.diagnosis.job_status import is_held
from flowenv_k8s.runs.lookup import pods_by_job, stored_payload, verdict_on
from flowenv_k8s.runs.own_objects import StoredPayload
from flowenv_k8s.spec.common_part import KIND as BATCH_KIND
from flowenv_k8s.spec.common_part import common_of
from flowenv_k8s.spec.labels import (
    CONTROLLER_UID,
    JOB_NAME,
    RunMarks,
    age_of,
    pod_selector,
    run_of,
    selector,
)
from flowenv_k8s.spec.runtime import KIND, KIND_LABEL, runtime_of

_log = logging.getLogger("flowenv.k8s")

_GOES_WITHIN = 300.0
"""Seconds in which what is deleted goes, unless something holds it, such as a lost node."""


def sweep(
    client: Client, environment: KubernetesEnvironment, *, older_than: float, delete: bool
) -> Iterator[Leftover]:
    """What is left in a namespace of runs that are over.

    These are finished Jobs; Jobs whose flow has ended while a sidecar goes on; Jobs that did
    not start within their deadline, such as one whose submitter was killed before it could
    make the Secret; and pods whose Job is gone without them and that don't run. What is younger, or
    is being deleted, is left alone.

    Args:
        client: the connection.
        environment: where to look.
        older_than: seconds since the object was made.
        delete: True to remove what is found.
    """
    namespace, start_deadline = environment.target_namespace, environment.start_deadline
    jobs, _ = client.list(JOBS, namespace, labels=selector())
    pods = pods_by_job(client, namespace, pod_selector())
    remove = functools.partial(_remove, client, environment)
    for job in jobs:
        marks = RunMarks.of(job)
        age = age_of(job)
        mine = pods.pop(job["metadata"]["uid"], [])
        is_late = 0 < start_deadline < age
        if age >= older_than and not is_going(job) and _is_over(job, marks, mine, is_late):
            yield leftover(JOBS, job, remove, delete)
    for pod in itertools.chain.from_iterable(pods.values()):
        if age_of(pod) >= older_than and _is_orphan(client, pod):
            yield leftover(PODS, pod, remove, delete)
    yield from _unused_shared(client, namespace, older_than, jobs, delete)


def _unused_shared(
    client: Client,
    namespace: str,
    older_than: float,
    jobs: Sequence[Mapping[str, Any]],
    delete: bool,
) -> Iterator[Leftover]:
    """The ConfigMaps that brought something to runs none of which is there any more.

    That is flowenv, or what a batch's payloads share, whose Secret goes with its ConfigMap. One
    that was made or needed within a day is left alone: the next run needs it.
    """
    used = _used(jobs)
    try:
        kinds = f"{KIND_LABEL} in ({KIND},{BATCH_KIND})"
        found, _ = client.list(CONFIG_MAPS, namespace, labels=kinds)
    except FlowenvError as error:  # a right that runs and other sweeps don't need
        _log.warning("ConfigMaps of flowenv's own may be left over: %s", error)
        return

    remove = functools.partial(_remove_shared, client)
    for one in found:
        if one["metadata"]["name"] not in used and unused_for(one) >= max(older_than, KEPT):
            yield leftover(CONFIG_MAPS, one, remove, delete)


def _used(jobs: Sequence[Mapping[str, Any]]) -> set[str]:
    """The names of what Jobs share."""
    pods = [job["spec"]["template"]["spec"] for job in jobs]
    return {name for pod in pods for name in (runtime_of(pod), common_of(pod))}


def _remove_shared(client: Client, resource: Resource, found: Mapping[str, Any]) -> None:
    """Remove what runs have shared, unless one has come to need it since that was looked for."""
    metadata = found["metadata"]
    where, uid = (metadata["namespace"], metadata["name"]), metadata["uid"]
    jobs, _ = client.list(JOBS, where[0], labels=selector())
    if where[1] not in _used(jobs):
        forget_runtime(client, *where)
        forget_common(client, *where)
        if client.delete(resource, *where, uid=uid, version=metadata["resourceVersion"]):
            return
        there = client.get(resource, *where)
        if there is None or there["metadata"]["uid"] != uid:
            return
    raise PlatformError(f"The {resource.kind} {where[1]} has come to be needed meanwhile.")


def is_going(found: Mapping[str, Any]) -> bool:
    """Whether an object is being deleted, and may still need the time that it takes."""
    deleted = found["metadata"].get("deletionTimestamp")
    return deleted is not None and seconds_since(moment(deleted)) < _GOES_WITHIN


def _is_orphan(client: Client, pod: Mapping[str, Any]) -> bool:
    """Whether a pod has ended and the Job that made it is gone without it.

    Such a Job is no longer its owner; the label stays. What has an owner that is gone Kubernetes
    collects itself, if not at once.
    """
    metadata, labels = pod["metadata"], pod["metadata"].get("labels") or {}
    if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
        return False
    uid = labels.get(CONTROLLER_UID)
    if metadata.get("ownerReferences") or is_going(pod) or not uid:
        return False
    job = client.get(JOBS, metadata["namespace"], str(labels.get(JOB_NAME)))
    return job is None or job["metadata"]["uid"] != uid


def _is_over(
    job: Mapping[str, Any], marks: RunMarks, pods: Sequence[Mapping[str, Any]], is_late: bool
) -> bool:
    status = verdict_on(job, marks, pods).status
    if status.state.is_final:
        return True
    waits = status.state in (State.SUBMITTED, State.STARTING) and not is_held(job, pods)
    return is_late and waits


def _remove(
    client: Client,
    environment: KubernetesEnvironment,
    resource: Resource,
    found: Mapping[str, Any],
) -> None:
    """Remove an object, and a Job's stored payload if no other Job says that it is its run."""
    metadata = found["metadata"]
    url = stored_payload(environment, RunMarks.of(found)) if resource == JOBS else None
    payload = StoredPayload.of(found, url)
    goes_too = payload is not None and payload.is_claimed_once(client)
    client.delete(resource, metadata["namespace"], metadata["name"], uid=metadata["uid"])
    if payload and goes_too:
        payload.remove()


def leftover(
    resource: Resource,
    found: Mapping[str, Any],
    remove: Callable[[Resource, Mapping[str, Any]], object],
    delete: bool,
) -> Leftover:
    """What a run has left, removed if that is said.

    Args:
        resource: the object's type.
        found: the object.
        remove: removes it.
        delete: False to leave it alone for now.
    """
    metadata = found["metadata"]
    name = f"{metadata['namespace']}/{metadata['name']}"
    left = Leftover(resource.kind, name, run_of(found), age_of(found))
    if left.run_id:
        marks = RunMarks.of(found)
        left = dataclasses.replace(left, submitter=marks.submitter, labels=marks.labels)
    return left.swept(lambda: remove(resource, found), delete)
