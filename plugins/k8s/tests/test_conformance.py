"""The backend passes the kit that every backend has to pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pytest

from flowenv.testing import BackendConformance
from flowenv_k8s import KubernetesJobEnvironment
from rigs.kubernetes import KubernetesRig, Timing


@pytest.fixture(scope="module")
def shared_rig() -> Iterator[KubernetesRig]:
    """A cluster whose pods really run."""
    with KubernetesRig(token="first-token", timing=Timing(longest_grace=1)) as rig:
        yield rig


class TestConformance(BackendConformance):
    submitter = (
        "from flowenv_k8s import KubernetesJobEnvironment\n"
        "environment = KubernetesJobEnvironment(metadata={'image': 'repo/flow:1'})"
    )
    kill_points = (
        "flowenv_k8s.runs.submission:_create_job",
        "flowenv_k8s.runs.submission:create_once",
    )

    @pytest.fixture(autouse=True)
    def _cluster(self, rig: KubernetesRig) -> None:
        self.rig = rig

    def make_environment(self, **settings: Any) -> KubernetesJobEnvironment:
        defaults: dict[str, Any] = {"metadata": {"image": "repo/flow:1"}, "start_deadline": 3.0}
        return KubernetesJobEnvironment(**{**defaults, **settings})

    def make_environment_with(self, entries: Sequence[dict[str, str]]) -> KubernetesJobEnvironment:
        container = {"name": "flow", "env": list(entries)}
        manifest = {"spec": {"template": {"spec": {"containers": [container]}}}}
        return self.make_environment(job_spec=manifest)

    def hold(self) -> AbstractContextManager[Any]:
        """No node has room for a pod."""
        return self.rig.faults.inject("unschedulable", times=None)

    def leftovers(self) -> list[str]:
        """What the cluster itself still has after a sweep; what goes may take a moment."""
        problems = super().leftovers()

        def left() -> list[str]:
            kinds = ("Job", "Pod", "Secret")
            return [one["metadata"]["name"] for kind in kinds for one in self.rig.objects(kind)]

        try:
            self.rig.wait_until(lambda: not left(), "everything gone", 10)
        except TimeoutError:
            problems += left()
        return problems
