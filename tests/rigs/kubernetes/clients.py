"""The official client, connected to a rig."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kubernetes
from kubernetes.client.rest import ApiException

from rigs.kubernetes.rig import KubernetesRig


@contextmanager
def official_client(rig: KubernetesRig, directory: Path, **options: Any) -> Iterator[Any]:
    """Connect the official client through a kubeconfig, and close it at the end.

    It is of type ``Any``, since its methods also take plain dicts, against their annotations.

    Args:
        rig: the running rig.
        directory: where the kubeconfig is written.
        options: as for ``KubernetesRig.kubeconfig``.
    """
    configuration: Any = kubernetes.config
    path = rig.kubeconfig(directory / "kubeconfig", **options)
    with configuration.new_client_from_config(str(path)) as api:
        yield api


def refusal(error: ApiException) -> dict[str, Any]:
    """The `Status` object with which the API server refused a request."""
    body: dict[str, Any] = json.loads(str(error.body))
    return body
