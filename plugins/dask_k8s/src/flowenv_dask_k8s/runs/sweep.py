"""Dask clusters, and workers, that are left of runs that are over."""

from __future__ import annotations

import functools
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from flowenv.errors import FlowenvError
from flowenv.plugin import Leftover
from flowenv_dask_k8s.cluster.operator.cluster import operator_is_missing
from flowenv_dask_k8s.cluster.operator.heartbeat import SILENCE, seconds_silent
from flowenv_dask_k8s.cluster.operator.removal import remove
from flowenv_dask_k8s.spec.pods_manifest import COMPONENT
from flowenv_dask_k8s.spec.resources import AUTOSCALERS, CLUSTERS
from flowenv_k8s.plugin import (
    JOBS,
    PODS,
    RUN_ID,
    Client,
    Resource,
    age_of,
    is_going,
    is_over,
    leftover,
    run_of,
    selector,
)


def sweep(client: Client, namespace: str, *, older_than: float, delete: bool) -> Iterator[Leftover]:
    """The DaskClusters in a namespace whose flow is gone, and what they leave.

    That happens when the flow is killed: until the idle timeout they live on. The flow is gone
    when its Job has ended or is gone; without a Job, when it has marked its cluster for the last
    time a while ago. Where neither can be seen, a cluster is left to its idle timeout. A
    DaskAutoscaler outlives its cluster while the operator holds it.

    Args:
        client: the connection.
        namespace: where to look.
        older_than: seconds since the object was made, and since the flow's last mark.
        delete: True to remove what is found.
    """
    try:
        autoscalers, _ = client.list(AUTOSCALERS, namespace, labels=selector())
    except FlowenvError as error:
        if operator_is_missing(error):
            return  # without the resource types there can't be anything of them
        raise
    clusters, _ = client.list(CLUSTERS, namespace, labels=selector())
    jobs, _ = client.list(JOBS, namespace, labels=selector()) if clusters else ([], "")
    left = [one for one in clusters if _is_left(one, jobs)]
    used = {one["metadata"]["uid"] for one in clusters if one not in left}
    # the autoscalers first: for them the operator asks the clusters' schedulers
    for resource, found in (
        *((AUTOSCALERS, one) for one in autoscalers if _has_lost(one, CLUSTERS, used)),
        *((CLUSTERS, one) for one in left),
    ):
        age = age_of(found)
        silent = seconds_silent(found)
        if min(age, age if silent is None else silent) >= older_than:
            yield leftover(resource, found, functools.partial(remove, client), delete)


def sweep_workers(
    client: Client, namespace: str, *, older_than: float, delete: bool
) -> Iterator[Leftover]:
    """The workers in a namespace whose Job is over or gone.

    They end by themselves, and go with their Job, if not at once; here also those go whose Job is
    kept for a while, or whose Job somebody has deleted without them.

    Args:
        client: the connection.
        namespace: where to look.
        older_than: seconds since the pod was made.
        delete: True to remove what is found.
    """
    workers, _ = client.list(PODS, namespace, labels=f"{selector()},{COMPONENT}=worker")
    jobs, _ = client.list(JOBS, namespace, labels=selector()) if workers else ([], "")
    living = {run_of(job) for job in jobs if not is_over(job)}
    there = {job["metadata"]["uid"] for job in jobs}

    def remove_pod(resource: Resource, found: Mapping[str, Any]) -> None:
        metadata = found["metadata"]
        client.delete(resource, namespace, metadata["name"], uid=metadata["uid"])

    for pod in workers:
        goes = is_going(pod) or _has_lost(pod, JOBS, there)
        if run_of(pod) not in living and age_of(pod) >= older_than and not goes:
            yield leftover(PODS, pod, remove_pod, delete)


def _is_left(cluster: Mapping[str, Any], jobs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether nobody uses a cluster any more, as far as can be seen."""
    running = [job["metadata"] for job in jobs if not is_over(job)]
    if cluster["metadata"].get("ownerReferences"):
        return _has_lost(cluster, JOBS, {job["uid"] for job in running})
    run_id = cluster["metadata"]["labels"][RUN_ID]
    if run_id in (job["labels"][RUN_ID] for job in running):
        return False
    silent = seconds_silent(cluster)
    return silent is not None and silent > SILENCE


def _has_lost(found: Mapping[str, Any], resource: Resource, living: Container[str]) -> bool:
    """Whether an object has owners of a type, of which none lives."""
    owners = found["metadata"].get("ownerReferences") or ()
    uids = [one["uid"] for one in owners if one.get("kind") == resource.kind]
    return bool(uids) and not any(uid in living for uid in uids)
