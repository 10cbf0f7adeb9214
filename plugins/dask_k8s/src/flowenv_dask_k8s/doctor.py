"""What `flowenv doctor` finds: what Jobs need, the Dask operator, and the rights for clusters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flowenv.errors import FlowenvError
from flowenv.plugin import Finding
from flowenv_dask_k8s.cluster.operator.cluster import check_operator
from flowenv_dask_k8s.cluster.rights import missing
from flowenv_dask_k8s.spec.permissions import (
    FORWARDING,
    OF_PODS_HERE,
    RUNNING_HERE,
    SWEEPING,
)
from flowenv_k8s.plugin import Client, Request, job_findings, rbac_rules


def findings(account: str, has_operator: bool, client: Client, namespace: str) -> Iterator[Finding]:
    """Check what Jobs need, then the operator and the rights that sweeps and clusters need.

    Args:
        account: the service account that is set for the flow's pod; empty if none is.
        has_operator: whether the operator is to make the cluster.
        client: the connection.
        namespace: where runs would go.
    """
    further = (SWEEPING, "flowenv-dask") if has_operator else ()
    yield from job_findings(client, namespace, *further)
    if not has_operator:
        yield _here_finding(client, namespace, (*OF_PODS_HERE, *FORWARDING))
        yield _account_finding(account, "flow-runner")
        return
    try:
        check_operator(client)
    except FlowenvError as error:
        yield Finding("Dask operator", False, error.message, error.hint)
        return
    yield Finding("Dask operator", True, "its resource types are installed.")
    yield _here_finding(client, namespace, RUNNING_HERE)
    yield _account_finding(account, "flow-runner-operator")


def _here_finding(client: Client, namespace: str, needed: Iterable[Request]) -> Finding:
    """Whether whoever runs the doctor could run flows here, on a cluster there."""
    subject = "environment.run"
    try:
        lacking = missing(client, namespace, needed)
    except FlowenvError as error:
        return Finding(subject, None, f"It can't be checked: {error.message}", error.hint)
    if not lacking:
        return Finding(subject, True, f"all it needs is granted in {namespace}.")
    return Finding(
        subject,
        None,
        f"A flow can't run here on a cluster there: {len(lacking)} rights are denied in "
        f"{namespace}. Submitted flows don't need them.",
        f"To use it, add these rules to your Role:\n{rbac_rules(lacking)}",
    )


def _account_finding(account: str, role: str) -> Finding:
    whose = f"its service account {account}" if account else "its service account"
    hint = f"bind it to {account}." if account else "set service_account to an account with it."
    return Finding(
        "service account",
        None,
        f"The flow's pod makes the cluster: {whose} needs the Role {role}, which can't be "
        "checked from here.",
        f"The docs page of this backend has the Role; {hint}",
    )
