"""The backend passes the kit that every backend has to pass."""

from __future__ import annotations

from typing import Any

import pytest

from flowenv.testing import BackendConformance
from flowenv_k8s import KubernetesJobEnvironment


@pytest.mark.usefixtures("rig")
class TestConformance(BackendConformance):
    submitter = (
        "from flowenv_k8s import KubernetesJobEnvironment\n"
        "environment = KubernetesJobEnvironment(metadata={'image': 'repo/flow:1'})"
    )

    def make_environment(self, **settings: Any) -> KubernetesJobEnvironment:
        return KubernetesJobEnvironment(**{"metadata": {"image": "repo/flow:1"}, **settings})
