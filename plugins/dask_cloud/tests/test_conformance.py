"""The backend passes the kit; its provider here is distributed's own LocalCluster.

The flow runs in the submitting process, so nobody else can cancel it or pick it up.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from distributed import LocalCluster

from flowenv.testing import BackendConformance
from flowenv_dask_cloud import DaskCloudProviderEnvironment


class CountedCluster(LocalCluster):  # type: ignore[misc]
    """A cluster of threads that can be asked which ones are up."""

    up: ClassVar[list[CountedCluster]] = []

    def __init__(self, n_workers: int = 1) -> None:
        super().__init__(n_workers=n_workers, processes=False, dashboard_address="127.0.0.1:0")
        self.up.append(self)


class TestConformance(BackendConformance):
    idempotent = False
    carries_variables = False
    tells_crashes = False
    sweep = False  # for ECS only: see test_dask_cloud_fargate.py

    @pytest.fixture(autouse=True)
    def _no_cluster_of_another_test(self) -> None:
        CountedCluster.up.clear()

    def make_environment(self, **settings: Any) -> DaskCloudProviderEnvironment:
        return DaskCloudProviderEnvironment(CountedCluster, **{"security": False, **settings})

    def leftovers(self) -> list[str]:
        up = [one.name for one in CountedCluster.up if one.status.name != "closed"]
        return [*super().leftovers(), *up]
