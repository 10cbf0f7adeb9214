"""What `flowenv doctor` finds: what Jobs need, the Dask operator, and the rights for clusters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flowenv.errors import FlowenvError
from flowenv.plugin import Finding
from flowenv_dask_k8s.operator import check_operator
from flowenv_dask_k8s.resources import AUTOSCALERS, CLUSTERS, WORKER_GROUPS
from flowenv_k8s import doctor
from flowenv_k8s.refusals import Request
from flowenv_k8s.resources import PODS, Resource

if TYPE_CHECKING:
    from flowenv_k8s.client import Client

SERVICES = Resource("", "v1", "services", "Service")
NEEDED = (
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
    yield from doctor.findings(client, namespace)
    try:
        check_operator(client)
    except FlowenvError as error:
        yield Finding("Dask operator", False, error.message, error.hint)
        return
    yield Finding("Dask operator", True, "its resource types are installed.")
    further = [one for one in NEEDED if one not in doctor.NEEDED]
    yield from doctor.permission_findings(client, namespace, further)
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
