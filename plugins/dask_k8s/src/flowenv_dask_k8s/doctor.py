"""What `flowenv doctor` finds: what Jobs need, the Dask operator, and the rights for clusters."""

from __future__ import annotations

from collections.abc import Iterator

from flowenv.errors import FlowenvError
from flowenv.plugin import Finding
from flowenv_dask_k8s.cluster.operator import check_operator
from flowenv_dask_k8s.spec.resources import AUTOSCALERS, CLUSTERS, WORKER_GROUPS
from flowenv_k8s.plugin import (
    NEEDED_PERMISSIONS,
    PODS,
    Client,
    Request,
    Resource,
    job_findings,
    permission_findings,
)

SERVICES = Resource("", "v1", "services", "Service")
CLUSTER_PERMISSIONS = (
    *(Request(verb, CLUSTERS) for verb in ("create", "get", "list", "patch", "delete")),
    *(Request(verb, AUTOSCALERS) for verb in ("create", "get", "patch", "delete")),
    Request("list", WORKER_GROUPS),
    *(Request(verb, PODS) for verb in ("get", "list")),
    *(Request(verb, SERVICES) for verb in ("get", "list")),
)
"""What the flow's pod must be allowed to do; here it is asked for whoever runs the doctor."""


def findings(account: str, client: Client, namespace: str) -> Iterator[Finding]:
    """Check what Jobs need, then the operator and the rights that a cluster needs.

    Args:
        account: the service account that is set for the flow's pod; empty if none is.
        client: the connection.
        namespace: where runs would go.
    """
    yield from job_findings(client, namespace)
    try:
        check_operator(client)
    except FlowenvError as error:
        yield Finding("Dask operator", False, error.message, error.hint)
        return
    yield Finding("Dask operator", True, "its resource types are installed.")
    further = [one for one in CLUSTER_PERMISSIONS if one not in NEEDED_PERMISSIONS]
    yield from permission_findings(client, namespace, further)
    yield _account_finding(account)


def _account_finding(account: str) -> Finding:
    whose = f"its service account {account}" if account else "its service account"
    hint = f"bind it to {account}." if account else "set service_account to an account with it."
    return Finding(
        "service account",
        None,
        f"The flow's pod makes the cluster: {whose} needs the same rights for Dask clusters, pods "
        "and services, which can't be checked from here.",
        f"The docs page of this backend has the Role; {hint}",
    )
