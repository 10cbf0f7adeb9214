"""What the API server says about itself: versions, groups, resource types."""

from __future__ import annotations

from typing import Any

from rigs.kubernetes.objects import Manifest
from rigs.kubernetes.resources import Registry, ResourceType
from rigs.kubernetes.status import no_such_path

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_SUBRESOURCE_VERBS = {
    "log": ["get"],
    "portforward": ["create", "get"],
    "scale": ["get", "patch", "update"],
    "status": ["get", "patch", "update"],
}
_AUTHORIZATION = ResourceType(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False
)


def version(git_version: str) -> Manifest:
    """Return the answer of ``/version``; ``git_version`` is like ``v1.33.1``."""
    major, minor = git_version.removeprefix("v").split(".")[:2]
    return {
        "major": major,
        "minor": minor,
        "gitVersion": git_version,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "linux/amd64",
    }


def core_versions() -> Manifest:
    """Return the answer of ``/api``."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def groups(registry: Registry) -> Manifest:
    """Return the answer of ``/apis``."""
    names = [*registry.groups(), _AUTHORIZATION.group]
    listed = [group(registry, name) for name in names]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}


def group(registry: Registry, name: str) -> Manifest:
    """Return the answer of ``/apis/GROUP``.

    Raises:
        ApiError: 404.
    """
    known = {**registry.groups(), _AUTHORIZATION.group: [_AUTHORIZATION.api_version]}
    if name not in known:
        raise no_such_path()
    versions = [
        {"groupVersion": version, "version": version.partition("/")[2]} for version in known[name]
    ]
    return {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": name,
        "versions": versions,
        "preferredVersion": versions[0],
    }


def resources(registry: Registry, api_version: str) -> Manifest:
    """Return the answer of ``/api/v1`` and ``/apis/GROUP/VERSION``.

    Raises:
        ApiError: 404.
    """
    if api_version == _AUTHORIZATION.api_version:
        entries = [_entry(_AUTHORIZATION, _AUTHORIZATION.plural, ["create"])]
    else:
        entries = [
            entry
            for resource in registry
            if resource.api_version == api_version
            for entry in _entries(resource)
        ]
    if not entries:
        raise no_such_path()
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": api_version,
        "resources": entries,
    }


def _entries(resource: ResourceType) -> list[dict[str, Any]]:
    main = _entry(resource, resource.plural, _VERBS)
    main["singularName"] = resource.kind.lower()
    main["shortNames"] = list(resource.short_names)
    return [
        main,
        *(
            _entry(resource, f"{resource.plural}/{name}", _SUBRESOURCE_VERBS.get(name, ["get"]))
            for name in resource.subresources
        ),
    ]


def _entry(resource: ResourceType, name: str, verbs: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": verbs,
    }
