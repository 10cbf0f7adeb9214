"""What `flowenv doctor` finds: can the cluster be reached, and may we do what runs need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from flowenv.errors import FlowenvError
from flowenv.plugin import Finding
from flowenv_k8s.api.client import Client, connect
from flowenv_k8s.api.permissions import HELPFUL_PERMISSIONS, NEEDED_PERMISSIONS, is_allowed
from flowenv_k8s.api.refusals import Request, rbac_rule
from flowenv_k8s.api.resources import NAMESPACES
from flowenv_k8s.base_environment import KubernetesEnvironment


def examine(
    environment: KubernetesEnvironment, findings: Callable[[Client, str], Iterable[Finding]]
) -> Iterable[Finding]:
    """Connect as an environment says, and look.

    Args:
        environment: whose cluster and namespace are looked at.
        findings: finds with a connection and a namespace.
    """
    try:
        # first the kubeconfig's context: that error says which ones there are
        namespace, client = environment.target_namespace, connect(environment.context)
    except FlowenvError as error:
        return [Finding("cluster", False, error.message, error.hint)]
    return findings(client, namespace)


def job_findings(client: Client, namespace: str) -> Iterator[Finding]:
    """Check the connection, the namespace and the permissions.

    Args:
        client: the connection.
        namespace: where runs would go.
    """
    try:
        version = client.read("/version").get("gitVersion", "of an unknown version")
    except FlowenvError as error:
        yield Finding("cluster", False, error.message, error.hint)
        return
    yield Finding("cluster", True, f"Kubernetes {version} answers ({client.where}).")
    yield namespace_finding(client, namespace)
    yield from permission_findings(client, namespace, NEEDED_PERMISSIONS)
    yield from permission_findings(client, namespace, HELPFUL_PERMISSIONS, needed=False)


def namespace_finding(client: Client, namespace: str) -> Finding:
    """Whether the namespace is there, as far as we may know."""
    try:
        found = client.get(NAMESPACES, "", namespace)
    except FlowenvError:
        return Finding(
            "namespace",
            None,
            f"Whether {namespace} exists can't be seen from here.",
            "That needs the right to get namespaces; runs don't.",
        )
    if found is None:
        return Finding(
            "namespace",
            False,
            f"{namespace} doesn't exist.",
            f"Run: kubectl create namespace {namespace}",
        )
    return Finding("namespace", True, f"{namespace} exists.")


def permission_findings(
    client: Client, namespace: str, requests: Iterable[Request], *, needed: bool = True
) -> Iterator[Finding]:
    """Whether we may do certain things in a namespace, one finding each.

    Args:
        client: the connection.
        namespace: where.
        requests: what; their own namespace doesn't matter.
        needed: False if runs work without, so that a refusal is a warning only.
    """
    for request in requests:
        subject = f"permission to {request.verb} {request.rbac_resource}"
        try:
            allowed = is_allowed(client, namespace, request)
        except FlowenvError as error:
            yield Finding(subject, None, f"It can't be checked: {error.message}", error.hint)
            continue
        if allowed:
            yield Finding(subject, True, f"granted in {namespace}.")
        else:
            yield Finding(
                subject,
                False if needed else None,
                f"denied in {namespace}.",
                f"Add this rule to the Role:\n{rbac_rule(request)}",
            )
