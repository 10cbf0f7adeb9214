"""Dask clusters that are left of runs that are over."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flowenv.errors import FlowenvError
from flowenv.handle import Leftover
from flowenv_dask_k8s.resources import CLUSTERS
from flowenv_k8s.diagnosis import is_over
from flowenv_k8s.labels import RUN_ID, moment, selector
from flowenv_k8s.resources import JOBS

if TYPE_CHECKING:
    from flowenv_k8s.client import Client


def sweep(client: Client, namespace: str, *, older_than: float, delete: bool) -> Iterator[Leftover]:
    """The DaskClusters in a namespace whose Job has ended or is gone.

    That happens when the flow's container is killed: until the idle timeout they live on. A
    cluster that never had a Job, of a flow that runs outside, is left to its idle timeout,
    as nobody can see here whether that flow lives.

    Args:
        client: the connection.
        namespace: where to look.
        older_than: seconds since the object was made.
        delete: True to remove what is found.
    """
    clusters, _ = client.list(CLUSTERS, namespace, labels=selector())
    if not clusters:
        return
    found, _ = client.list(JOBS, namespace, labels=selector())
    jobs = {job["metadata"]["uid"]: job for job in found}
    for cluster in clusters:
        age = _age(cluster)
        if age >= older_than and _is_leftover(cluster, jobs):
            yield _leftover(client, cluster, age, delete)


def _is_leftover(cluster: Mapping[str, Any], jobs: Mapping[str, Mapping[str, Any]]) -> bool:
    owners = cluster["metadata"].get("ownerReferences") or ()
    uids = [one["uid"] for one in owners if one.get("kind") == JOBS.kind]
    return bool(uids) and all(uid not in jobs or is_over(jobs[uid]) for uid in uids)


def _leftover(client: Client, cluster: Mapping[str, Any], age: float, delete: bool) -> Leftover:
    metadata = cluster["metadata"]
    problem, removed = "", False
    if delete:
        try:
            client.delete(CLUSTERS, metadata["namespace"], metadata["name"], uid=metadata["uid"])
            removed = True
        except FlowenvError as error:
            problem = str(error)
    name = f"{metadata['namespace']}/{metadata['name']}"
    run_id = metadata["labels"][RUN_ID]
    return Leftover(CLUSTERS.kind, name, run_id, age, removed, problem)


def _age(manifest: Mapping[str, Any]) -> float:
    made = moment(manifest["metadata"].get("creationTimestamp"))
    if made is None:
        return 0.0
    return max((datetime.datetime.now(datetime.UTC) - made).total_seconds(), 0.0)
