"""What a request's path and method ask for."""

from __future__ import annotations

from dataclasses import dataclass

from rigs.kubernetes.resources import Registry, ResourceType
from rigs.kubernetes.status import method_not_allowed, no_such_path


@dataclass(frozen=True)
class Asked:
    """A request for a resource."""

    verb: str
    resource: ResourceType
    namespace: str
    name: str
    subresource: str

    @property
    def path(self) -> str:
        """The resource as rules name it: ``pods`` or ``pods/log``."""
        return "/".join(filter(None, (self.resource.plural, self.subresource)))


def asked_for(registry: Registry, method: str, parts: list[str], *, watch: bool) -> Asked:
    """Return what a request asks for; ``parts`` is its path, split.

    Raises:
        ApiError: 404 for a path that isn't there, 405 for a method that it doesn't have.
    """
    api_version, rest = _api_version(parts)
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    resource = registry.find(api_version, rest[0])
    if resource is None or (namespace and not resource.namespaced) or len(rest) > 3:
        raise no_such_path()
    name, subresource = [*rest[1:], "", ""][:2]
    if subresource and subresource not in resource.subresources:
        raise no_such_path()
    verb = _verb(method, bool(name), watch=watch)
    if verb == "create" and name and subresource != "portforward":
        raise method_not_allowed()
    if resource.namespaced and not namespace and verb not in ("list", "watch"):
        raise no_such_path()
    return Asked(verb, resource, namespace, name, subresource)


def _api_version(parts: list[str]) -> tuple[str, list[str]]:
    if parts[:2] == ["api", "v1"] and len(parts) > 2:
        return "v1", parts[2:]
    if parts[:1] == ["apis"] and len(parts) > 3:
        return "/".join(parts[1:3]), parts[3:]
    raise no_such_path()


def _verb(method: str, named: bool, *, watch: bool) -> str:
    if method == "GET":
        return "watch" if watch else "get" if named else "list"
    verbs = {"POST": "create", "PUT": "update", "PATCH": "patch"}
    if method == "DELETE":
        return "delete" if named else "deletecollection"
    if method not in verbs or (method in ("PUT", "PATCH") and not named):
        raise method_not_allowed()
    return verbs[method]
