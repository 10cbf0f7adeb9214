"""What `flowenv doctor` finds: can the cluster be reached, and may we do what runs need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from flowenv.errors import FlowenvError
from flowenv.plugin import Finding
from flowenv_k8s.api.client import Client, connect
from flowenv_k8s.api.permissions import (
    HELPFUL_PERMISSIONS,
    NEEDED_PERMISSIONS,
    ROLE,
    is_allowed,
    role,
)
from flowenv_k8s.api.refusals import Request
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


def job_findings(
    client: Client,
    namespace: str,
    further: Sequence[Request] = (),
    role_name: str = ROLE,
) -> Iterator[Finding]:
    """Check the connection, the namespace and the permissions.

    Args:
        client: the connection.
        namespace: where runs would go.
        further: what else must be allowed than what Jobs need.
        role_name: what a Role is called that allows all of it: with more rights, not as that for
            Jobs, which takes no other's rights away when it is applied.
    """
    try:
        version = client.read("/version").get("gitVersion", "of an unknown version")
    except FlowenvError as error:
        yield Finding("cluster", False, error.message, error.hint)
        return
    yield Finding("cluster", True, f"Kubernetes {version} answers ({client.where}).")
    yield namespace_finding(client, namespace)
    needed = (*NEEDED_PERMISSIONS, *further)
    yield from permission_findings(client, namespace, role_name, needed, HELPFUL_PERMISSIONS)


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
    client: Client,
    namespace: str,
    role_name: str,
    needed: Sequence[Request],
    helpful: Sequence[Request],
) -> Iterator[Finding]:
    """Whether we may do certain things in a namespace: one finding each, and what allows all.

    Args:
        client: the connection.
        namespace: where.
        role_name: what the Role is called that allows all.
        needed: what; their own namespace doesn't matter.
        helpful: what runs work without, so that a refusal is a warning only.
    """
    denied = list[Request]()
    for request in (*needed, *helpful):
        subject = f"permission to {request.verb} {request.rbac_resource}"
        try:
            allowed = is_allowed(client, namespace, request)
        except FlowenvError as error:
            yield Finding(subject, None, f"It can't be checked: {error.message}", error.hint)
            continue
        if allowed:
            yield Finding(subject, True, f"granted in {namespace}.")
            continue
        denied.append(request)
        yield Finding(subject, False if request in needed else None, f"denied in {namespace}.")
    if denied:
        lacks = any(one in needed for one in denied)
        document = role(role_name, namespace, (*needed, *helpful))
        yield _role_finding(role_name, namespace, len(denied), document, lacks=lacks)


def _role_finding(name: str, namespace: str, denied: int, document: str, *, lacks: bool) -> Finding:
    said = "1 right is" if denied == 1 else f"{denied} rights are"
    return Finding(
        "Role",
        False if lacks else None,
        f"{said} denied in {namespace}{'' if lacks else ', without which runs work'}.",
        "Somebody who may has to apply this Role, which has all that runs use (flowenv doctor -o "
        f"yaml gives it alone), and bind it: kubectl create rolebinding {name} -n {namespace} "
        f"--role={name} --user=….",
        document,
    )
