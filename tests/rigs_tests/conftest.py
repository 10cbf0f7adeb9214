"""The official client, connected to the Kubernetes rig of a test module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes
import pytest

from rigs.kubernetes import KubernetesRig
from rigs.kubernetes.clients import official_client

# Their methods also take plain dicts, against their annotations.
client: Any = kubernetes.client


@pytest.fixture
def api(rig: KubernetesRig, tmp_path: Path) -> Iterator[Any]:
    with official_client(rig, tmp_path) as api:
        yield api


@pytest.fixture
def core(api: Any) -> Any:
    return client.CoreV1Api(api)


@pytest.fixture
def batch(api: Any) -> Any:
    return client.BatchV1Api(api)
