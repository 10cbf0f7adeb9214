"""The resource types that a run uses, and their paths in the API."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Resource:
    """A resource type of the Kubernetes API.

    Args:
        group: the API group; empty for the core.
        version: such as `v1`.
        plural: the name in paths and in RBAC rules: `jobs`.
        kind: the name in manifests: `Job`.
        namespaced: False for what belongs to the whole cluster.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """As manifests write it: `batch/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The path of the collection, an object, or a part of one.

        >>> JOBS.path("team-a", "nightly")
        '/apis/batch/v1/namespaces/team-a/jobs/nightly'
        """
        parts = ["", "apis" if self.group else "api", *self.api_version.split("/")]
        if self.namespaced and namespace:
            parts += ["namespaces", quote(namespace, safe="")]
        parts += [self.plural, *([quote(name, safe="")] if name else [])]
        return "/".join([*parts, *([subresource] if subresource else [])])


JOBS = Resource("batch", "v1", "jobs", "Job")
"""Jobs, of `batch/v1`."""
PODS = Resource("", "v1", "pods", "Pod")
"""Pods."""
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
SECRETS = Resource("", "v1", "secrets", "Secret")
"""Secrets."""
EVENTS = Resource("", "v1", "events", "Event")
"""Events, of the core API."""
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
ACCESS_REVIEWS = Resource(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False
)
