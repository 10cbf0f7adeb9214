"""The backend passes the kit that every backend has to pass, with the real operator."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flowenv.testing import BackendConformance
from flowenv_dask_k8s import DaskKubernetesEnvironment
from on_kubernetes.operated_rig import operated_rig

IMAGE = "repo/flow:1"
LEFT = ("Job", "Pod", "Secret", "Service", "Deployment", "DaskCluster", "DaskAutoscaler")


@pytest.mark.slow
class TestConformance(BackendConformance):
    # the kit's flows do nothing on the cluster: no worker has to be waited for
    submitter = (
        "from flowenv_dask_k8s import DaskKubernetesEnvironment\n"
        f"environment = DaskKubernetesEnvironment(0, 1, metadata={{'image': '{IMAGE}'}})"
    )

    @pytest.fixture(autouse=True)
    def _rig(
        self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.rig, _ = operated_rig(request.session)
        monkeypatch.setenv("KUBECONFIG", str(self.rig.kubeconfig(tmp_path / "kubeconfig")))

    def make_environment(self, **settings: Any) -> DaskKubernetesEnvironment:
        given = {"min_workers": 0, "max_workers": 1, "metadata": {"image": IMAGE}, **settings}
        return DaskKubernetesEnvironment(**given)

    def make_environment_with(self, entries: Sequence[dict[str, str]]) -> DaskKubernetesEnvironment:
        pod = {"restartPolicy": "Never", "containers": [{"image": IMAGE, "env": list(entries)}]}
        job = {"kind": "Job", "spec": {"template": {"spec": pod}}}
        return self.make_environment(scheduler_spec=job)

    def hold(self) -> AbstractContextManager[Any]:
        """No node has room for a pod."""
        return self.rig.faults.inject("unschedulable", times=None)

    def leftovers(self) -> list[str]:
        """What the cluster still has of runs, once a sweep has removed what it may."""
        self._sweep(delete=True)
        for kind in LEFT:
            self.rig.wait_until(partial(self._is_gone, kind), f"no {kind} of a run being left")
        return []

    def _is_gone(self, kind: str) -> bool:
        return not self.rig.objects(kind, label_selector="flowenv.io/run-id")
