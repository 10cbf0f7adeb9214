"""The resource types that the API server knows: built in, and added by custom definitions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One resource type, in one version of its group."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    subresources: tuple[str, ...] = ()
    short_names: tuple[str, ...] = ()
    builtin: bool = True

    @property
    def api_version(self) -> str:
        """``version``, or ``group/version`` outside the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified_name(self) -> str:
        """Plural with its group, as in the API server's messages: ``jobs.batch``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def has_status(self) -> bool:
        """Whether the status is written through a path of its own."""
        return "status" in self.subresources


_STATUS = ("status",)
POD = ResourceType(
    "", "v1", "pods", "Pod", subresources=("status", "log", "portforward"), short_names=("po",)
)
SECRET = ResourceType("", "v1", "secrets", "Secret")
CONFIG_MAP = ResourceType("", "v1", "configmaps", "ConfigMap", short_names=("cm",))
SERVICE = ResourceType("", "v1", "services", "Service", subresources=_STATUS, short_names=("svc",))
CLAIM = ResourceType("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
PRIORITY_CLASS = ResourceType(
    "scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", namespaced=False
)
SERVICE_ACCOUNT = ResourceType("", "v1", "serviceaccounts", "ServiceAccount", short_names=("sa",))
EVENT = ResourceType("", "v1", "events", "Event", short_names=("ev",))
NODE = ResourceType(
    "", "v1", "nodes", "Node", namespaced=False, subresources=_STATUS, short_names=("no",)
)
NAMESPACE = ResourceType(
    "", "v1", "namespaces", "Namespace", namespaced=False, subresources=_STATUS, short_names=("ns",)
)
JOB = ResourceType("batch", "v1", "jobs", "Job", subresources=_STATUS)
DEPLOYMENT = ResourceType(
    "apps", "v1", "deployments", "Deployment", subresources=("status", "scale")
)
REPLICA_SET = ResourceType(
    "apps", "v1", "replicasets", "ReplicaSet", subresources=("status", "scale")
)
CUSTOM_RESOURCE_DEFINITION = ResourceType(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    namespaced=False,
    subresources=_STATUS,
    short_names=("crd",),
)

_BUILTIN = (
    *(POD, SECRET, CONFIG_MAP, SERVICE, SERVICE_ACCOUNT, EVENT, NODE, NAMESPACE, JOB),
    *(DEPLOYMENT, REPLICA_SET, CUSTOM_RESOURCE_DEFINITION),
    CLAIM,
    PRIORITY_CLASS,
    ResourceType("coordination.k8s.io", "v1", "leases", "Lease"),
    ResourceType("events.k8s.io", "v1", "events", "Event"),
    ResourceType("rbac.authorization.k8s.io", "v1", "roles", "Role"),
    ResourceType("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"),
    ResourceType("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"),
)


class Registry:
    """Resource types by API version and plural, or by kind."""

    def __init__(self) -> None:
        self._types: dict[tuple[str, str], ResourceType] = {}
        for resource in _BUILTIN:
            self.add(resource)

    def __iter__(self) -> Iterator[ResourceType]:
        return iter(self._types.values())

    def add(self, resource: ResourceType) -> None:
        """Make a resource type known."""
        self._types[resource.api_version, resource.plural] = resource

    def remove(self, resource: ResourceType) -> None:
        """Forget a resource type."""
        self._types.pop((resource.api_version, resource.plural), None)

    def find(self, api_version: str, plural: str) -> ResourceType | None:
        """Return the resource type at an API path, or None."""
        return self._types.get((api_version, plural))

    def of_kind(self, kind: str, api_version: str | None = None) -> ResourceType:
        """Return the resource type of a kind (or plural, or short name).

        Raises:
            LookupError: no such kind; the message lists those that there are.
        """
        for resource in self:
            names = (resource.kind, resource.plural, *resource.short_names)
            if kind in names and api_version in (None, resource.api_version):
                return resource
        known = ", ".join(sorted({resource.kind for resource in self}))
        raise LookupError(f"no resource type of kind {kind!r}; known are: {known}")

    def groups(self) -> dict[str, list[str]]:
        """Return the API versions of each group but the core one."""
        found: dict[str, list[str]] = {}
        for resource in self:
            versions = found.setdefault(resource.group, []) if resource.group else []
            if resource.api_version not in versions:
                versions.append(resource.api_version)
        return found


def types_of_definition(definition: dict[str, Any]) -> list[ResourceType]:
    """Return the resource types that a CustomResourceDefinition adds."""
    spec = definition["spec"]
    names = spec["names"]
    return [
        ResourceType(
            group=spec["group"],
            version=version["name"],
            plural=names["plural"],
            kind=names["kind"],
            namespaced=spec.get("scope") == "Namespaced",
            subresources=tuple(version.get("subresources") or ()),
            short_names=tuple(names.get("shortNames") or ()),
            builtin=False,
        )
        for version in spec["versions"]
        if version.get("served", True)
    ]
