"""The objects of runs on Dask in Kubernetes, the rig's or a real cluster's."""

from __future__ import annotations

from functools import partial

from flowenv.runs.flow_run import FlowRun
from on_kubernetes.cluster_under_test import ClusterUnderTest

OF_THE_CLUSTER = (
    *("DaskCluster", "DaskWorkerGroup", "DaskAutoscaler"),
    *("Deployment", "ReplicaSet", "Service", "Pod"),
)
"""The kinds of objects that a run's Dask cluster consists of."""
OF_THE_JOB = ("Job", "Secret", "Pod")
"""Those of the run besides."""


def wait_until_nothing_is_left(cluster: ClusterUnderTest, selector: str) -> None:
    """Wait until the Dask clusters are gone; when the Jobs go, everything else has to, too.

    Args:
        cluster: where.
        selector: of the objects that are to go; empty for all there are.

    Raises:
        TimeoutError: naming the kind of object that is left.
    """
    not_of_jobs = ",".join(filter(None, [selector, "!job-name,!component"]))
    cluster.wait_until(partial(_end_quickly, cluster, not_of_jobs), "no Dask pod being left")
    for kind in OF_THE_CLUSTER:
        _wait_until_gone(cluster, kind, not_of_jobs)
    for name in cluster.names("Job", selector):  # as its TTL would
        cluster.delete("Job", name)
    for kind in OF_THE_JOB:
        _wait_until_gone(cluster, kind, selector)


def _end_quickly(cluster: ClusterUnderTest, selector: str) -> bool:
    """Kill the pods that are told to end already; say whether there was no other.

    A worker whose scheduler goes at the same time takes 8 s to end by itself.
    """
    pods = cluster.objects("Pod", selector)
    ending = [pod for pod in pods if "deletionTimestamp" in pod["metadata"]]
    for pod in ending:
        cluster.delete("Pod", pod["metadata"]["name"], at_once=True)
    return len(ending) == len(pods)


def _wait_until_gone(cluster: ClusterUnderTest, kind: str, selector: str) -> None:
    left = partial(cluster.names, kind, selector)
    cluster.wait_until(lambda: not left(), f"no {kind} being left")


def line_with(run: FlowRun, text: str) -> str:
    """Follow the run's log until a line has this text, and return the line."""
    for line in run.logs(follow=True):
        if text in line:
            return line
    raise AssertionError(f"no {text!r}: {run.refresh()}")


def of_run(run: FlowRun, more: str = "") -> str:
    """The label selector of a run's objects."""
    return f"flowenv.io/run-id={run.id}{more}"


def dask_pod(cluster: ClusterUnderTest, run: FlowRun, component: str) -> str:
    """The name of the run's only pod with the scheduler or a worker."""
    [name] = cluster.names("Pod", of_run(run, f",dask.org/component={component}"))
    return name
