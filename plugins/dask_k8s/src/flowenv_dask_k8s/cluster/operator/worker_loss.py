"""Why workers died while they ran the flow's tasks."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flowenv.errors import FlowenvError, PlatformError
from flowenv.plugin import Reason
from flowenv_dask_k8s.api import connection
from flowenv_dask_k8s.cluster.interface import ClusterPlan
from flowenv_dask_k8s.cluster.startup import pods_of
from flowenv_k8s.plugin import Client, container_status, last_lines

_log = logging.getLogger("flowenv.dask_k8s")

_LINES = 80
"""Lines at the end of a worker's log that are looked at; a start has some thirty."""
_OF_MEMORY = ("memory budget", "was killed by signal 9")
"""What Dask's nanny says, whose pod lives on: it restarts a worker that needs too much, or the
kernel has killed it, which is quicker where there is little memory."""


def why_died(error: Exception, client: Client, plan: ClusterPlan) -> PlatformError | None:
    """Whether a flow's error comes of workers that needed too much memory; None if not.

    Args:
        error: what the flow, or what is around it, raised.
        client: the connection.
        plan: the cluster.
    """
    if not connection.is_killed_worker(error):
        return None
    try:
        words = next(_of_memory(client, plan, pods_of(client, plan, "worker")), None)
    except FlowenvError as refused:
        _log.debug("The workers can't be looked at: %s", refused)
        return None
    if words is None:
        return None
    return PlatformError(
        f"Workers were killed for their memory again and again: {words} ({error})",
        hint="Raise worker_resources={'limits': {'memory': …}}, or give each task less to hold.",
        reason=Reason.OOM_KILLED,
    )


def _of_memory(
    client: Client, plan: ClusterPlan, pods: Iterable[Mapping[str, Any]]
) -> Iterator[str]:
    """What pods and their logs say of memory, in words of Kubernetes or of Dask."""
    for pod in pods:
        name, status = pod["metadata"]["name"], container_status(pod, "")
        for state in (status.get("state") or {}, status.get("lastState") or {}):
            if (state.get("terminated") or {}).get("reason") == "OOMKilled":
                yield f"{name}: OOMKilled."
        container = pod["spec"]["containers"][0]["name"]
        for line in last_lines(client, plan.namespace, name, container, _LINES):
            if any(words in line for words in _OF_MEMORY):
                yield f"{name}: {line.rpartition(' - ')[2]}"
