"""What the API server refuses, as flowenv's errors: what failed, why, and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flowenv.errors import (
    FlowenvError,
    PlatformError,
    PlatformUnreachable,
    RunConflict,
    RunNotFound,
    SpecError,
    TransientPlatformError,
)
from flowenv.plugin import Reason
from flowenv_k8s.api.resources import Resource


@dataclass(frozen=True)
class Request:
    """What was asked of the API server, for messages.

    Args:
        verb: as in RBAC rules: `create`, `get`, `list`, `watch`, `patch`, `delete`.
        resource: of which type.
        namespace: where.
        name: of which object; empty for a collection.
        subresource: such as `log`.
    """

    verb: str
    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def rbac_resource(self) -> str:
        """The resource as RBAC rules name it: `pods/log`."""
        part = f"/{self.subresource}" if self.subresource else ""
        return self.resource.plural + part

    def __str__(self) -> str:
        name = f" {self.name}" if self.name else ""
        where = f" in the namespace {self.namespace}" if self.namespace else ""
        return f"{self.verb} {self.rbac_resource}{name}{where}"


class NotSent(PlatformUnreachable):
    """No connection came about: what was asked for can't have been carried out."""


class Refused(Exception):
    """The API server's answer to a request it did not carry out.

    Args:
        request: what was asked.
        code: the HTTP status.
        body: the answer's body.
    """

    def __init__(self, request: Request, code: int, body: bytes) -> None:
        super().__init__(f"{request}: HTTP {code}")
        self.request = request
        self.code = code
        self.status = _status(body)
        self.text = body.decode(errors="replace").strip()[:500]

    @property
    def message(self) -> str:
        """The API server's own words."""
        return str(self.status.get("message") or self.text or f"HTTP status {self.code}")

    def error(self) -> FlowenvError:
        """The error that users see; raise it from this one."""
        if self.code == 401:
            return PlatformError(
                f"Kubernetes doesn't accept the credentials ({self.request}).",
                hint="They have expired or belong to another cluster: log in again, and check "
                "with `kubectl auth whoami`.",
                reason=Reason.ACCESS_DENIED,
            )
        if self.code == 403:
            return _forbidden(self)
        if self.code == 404:
            return _not_found(self)
        if self.code == 409:
            asked = self.request
            what = f"{asked.verb} the {asked.resource.kind} {asked.name}".rstrip()
            where = f" in the namespace {asked.namespace}" if asked.namespace else ""
            return RunConflict(f"Kubernetes can't {what}{where}: {self.message}")
        if self.code in (400, 413, 422):
            return SpecError(f"Kubernetes refuses to {self.request}: {self.message}")
        if self.code == 429 or self.code >= 500:
            return TransientPlatformError(
                f"Kubernetes failed to {self.request} (HTTP {self.code}): {self.message}",
                hint="Try again later.",
            )
        return PlatformError(f"Kubernetes failed to {self.request}: {self.message}")


def _status(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and found.get("kind") == "Status" else {}


def _forbidden(refused: Refused) -> PlatformError:
    request = refused.request
    if "exceeded quota" in refused.message:
        return PlatformError(
            f"A quota refuses to {request}: {refused.message}",
            hint="Ask for less, wait for other runs to end, or have the quota raised.",
            reason=Reason.QUOTA,
        )
    if "is being terminated" in refused.message:
        return PlatformError(f"Kubernetes can't {request}: {refused.message}")
    return PlatformError(
        f"Not allowed to {request}: {_without_repetition(refused.message)}",
        hint=f"Add this rule to the Role of {_whose(refused.message)}:\n{rbac_rule(request)}",
        reason=Reason.ACCESS_DENIED,
    )


_LACKS = re.compile(
    r'\S+(?: "[^"]*")? is forbidden: User "(?P<user>[^"]*)" cannot \S+ resource "[^"]*" '
    r'in API group "[^"]*"(?: in the namespace "[^"]*"| at the cluster scope)'
)


def _without_repetition(message: str) -> str:
    """Kubernetes' words without the request, which is told already."""
    found = _LACKS.match(message)
    return f"{found['user']} has no such right{message[found.end() :] or '.'}" if found else message


def _whose(message: str) -> str:
    """Who lacks the right: a pod asks as its service account."""
    account = re.search(r'User "system:serviceaccount:[^:"]+:([^"]+)"', message)
    return f"the service account {account[1]}" if account else "whoever runs flows"


def rbac_rule(request: Request, *verbs: str) -> str:
    """The RBAC rule that allows a request, as a Role's manifest writes it.

    Args:
        request: the request.
        verbs: all that is to be allowed with its resource; by default its own verb.

    >>> from flowenv_k8s.api.resources import JOBS
    >>> print(rbac_rule(Request("create", JOBS)))
      - apiGroups: ["batch"]
        resources: ["jobs"]
        verbs: ["create"]
    """
    allowed = ", ".join(f'"{verb}"' for verb in verbs or (request.verb,))
    return (
        f'  - apiGroups: ["{request.resource.group}"]\n'
        f'    resources: ["{request.rbac_resource}"]\n'
        f"    verbs: [{allowed}]"
    )


def rbac_rules(requests: Iterable[Request]) -> str:
    """The RBAC rules that allow some requests, as a Role's manifest writes them: one a resource.

    >>> from flowenv_k8s.api.resources import PODS
    >>> print(rbac_rules([Request("create", PODS), Request("delete", PODS)]))
      - apiGroups: [""]
        resources: ["pods"]
        verbs: ["create", "delete"]
    """
    same: dict[tuple[str, str], list[Request]] = {}
    for one in requests:
        same.setdefault((one.resource.group, one.rbac_resource), []).append(one)
    return "\n".join(
        rbac_rule(ones[0], *dict.fromkeys(one.verb for one in ones)) for ones in same.values()
    )


def _not_found(refused: Refused) -> FlowenvError:
    request = refused.request
    details = refused.status.get("details")
    kind = details.get("kind") if isinstance(details, dict) else None
    if kind == "namespaces" or 'namespaces "' in refused.message:
        return PlatformError(
            f"The namespace {request.namespace} doesn't exist, so flowenv can't {request}.",
            hint=f"Create it (kubectl create namespace {request.namespace}) or set another one: "
            "namespace=… on the environment.",
        )
    if request.name:
        return RunNotFound(
            f"There is no {request.resource.kind} {request.name} in the namespace "
            f"{request.namespace}."
        )
    return PlatformError(
        f"The cluster has no {request.resource.plural} in {request.resource.api_version}: "
        f"{refused.message}",
        hint=f"To {request.verb} them it needs that API; `kubectl api-resources` lists what it "
        "has.",
    )
