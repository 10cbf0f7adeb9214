"""What a Role must allow, said once: the documented Role, the doctor and the tests go by it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flowenv_k8s.api.refusals import Request, rbac_rules
from flowenv_k8s.api.resources import ACCESS_REVIEWS, CONFIG_MAPS, EVENTS, JOBS, PODS, SECRETS

if TYPE_CHECKING:
    from flowenv_k8s.api.client import Client

NEEDED_PERMISSIONS = (
    *(Request(verb, JOBS) for verb in ("create", "get", "list", "patch", "delete")),
    *(Request(verb, SECRETS) for verb in ("create", "get")),
    *(Request(verb, CONFIG_MAPS) for verb in ("create", "get")),
    *(Request(verb, PODS) for verb in ("list", "watch")),
    Request("get", PODS, subresource="log"),
)
"""What whoever runs flows must be allowed to do in the namespace."""

HELPFUL_PERMISSIONS = (
    *(Request(verb, EVENTS) for verb in ("list", "create")),
    Request("delete", PODS),
    *(Request(verb, CONFIG_MAPS) for verb in ("list", "patch", "delete")),
)
"""What explains and cleans up; runs work without."""


ROLE = "flowenv"
"""What the Role for Jobs is called."""


def role(name: str, namespace: str, requests: Iterable[Request]) -> str:
    """A Role as YAML that allows some requests.

    Args:
        name: what it is called.
        namespace: where it is to be.
        requests: what it allows.

    >>> print(role("flowenv", "team-a", [Request("list", PODS), Request("watch", PODS)]), end="")
    apiVersion: rbac.authorization.k8s.io/v1
    kind: Role
    metadata:
      name: flowenv
      namespace: team-a
    rules:
      - apiGroups: [""]
        resources: ["pods"]
        verbs: ["list", "watch"]
    """
    return (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\n"
        f"metadata:\n  name: {name}\n  namespace: {namespace}\n"
        f"rules:\n{rbac_rules(requests)}\n"
    )


def is_allowed(client: Client, namespace: str, request: Request) -> bool:
    """Ask the cluster whether we may do something (SelfSubjectAccessReview).

    Raises:
        FlowenvError: if it can't be asked.
    """
    attributes = {
        "namespace": namespace,
        "verb": request.verb,
        "group": request.resource.group,
        "resource": request.resource.plural,
        "subresource": request.subresource,
    }
    review = client.create(
        ACCESS_REVIEWS,
        {
            "apiVersion": ACCESS_REVIEWS.api_version,
            "kind": ACCESS_REVIEWS.kind,
            "metadata": {},
            "spec": {"resourceAttributes": {k: v for k, v in attributes.items() if v}},
        },
    )
    return bool((review.get("status") or {}).get("allowed"))
