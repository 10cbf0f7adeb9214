"""What a Job is built from besides the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flowenv_k8s.spec.manifests.manifest import Manifest


@dataclass(frozen=True)
class JobSettings:
    """What a Job is built from besides the run: the same for every backend that makes Jobs.

    Args:
        manifest: the user's Job manifest; empty for a complete default.
        namespace: where the Job goes.
        unique_name: whether a suffix is added to the manifest's name.
        labels: further labels for all objects, such as `{"app": "…"}`.
        files: further files for the flow's container, by name, in `MOUNT_PATH`.
        env: further env entries of the flow's container, which win over all others.
        image_pull_policy: of the flow's container.
        image_pull_secrets: names of Secrets; only where the manifest names none.
        service_account: of the pods.
        needs_token: whether the flow has to act as its service account.
        resources: of the flow's container.
        deadline: seconds for the whole Job; None for the default, 0 for none.
        ttl: seconds that a finished Job is kept; None for the default.
    """

    manifest: Manifest
    namespace: str
    unique_name: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    env: tuple[Mapping[str, Any], ...] = ()
    image_pull_policy: str | None = None
    image_pull_secrets: tuple[str, ...] = ()
    service_account: str | None = None
    needs_token: bool = False
    resources: Mapping[str, Any] | None = None
    deadline: int | None = None
    ttl: int | None = None
