"""The backend passes the kit with a provider of which nothing is known: no variables, no sweep.

That takes seconds; a cluster of worker processes has the checks of variables, and
`test_conformance_fargate.py` the whole kit with a provider in the cloud. The flow runs in the
submitting process, so nobody else can cancel it or pick it up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
from distributed import LocalCluster

from flowenv import flow, get_executor
from flowenv.plugin import Target
from flowenv.testing import BackendConformance
from flowenv.testing.flows import digests
from flowenv.testing.variables import VariableChecks
from flowenv_dask_cloud import DaskCloudProviderEnvironment


class CountedCluster(LocalCluster):  # type: ignore[misc]
    """A cluster of threads; which ones are up is known."""

    up: ClassVar[list[CountedCluster]] = []

    def __init__(self, n_workers: int = 1) -> None:
        super().__init__(n_workers=n_workers, processes=False, dashboard_address="127.0.0.1:0")
        self.up.append(self)


class TestConformance(BackendConformance):
    idempotent = False  # each submission runs the flow, here
    carries_variables = False  # threads of this process
    tells_crashes = False  # a crash would be this process's own
    sweep = False  # nothing of a cluster of threads outlives its process

    @pytest.fixture(autouse=True)
    def _no_cluster_of_another_test(self) -> None:
        CountedCluster.up.clear()

    def make_environment(self, **settings: Any) -> DaskCloudProviderEnvironment:
        return DaskCloudProviderEnvironment(CountedCluster, **{"security": False, **settings})

    def leftovers(self) -> list[str]:
        up = [one.name for one in CountedCluster.up if one.status.name != "closed"]
        return [*super().leftovers(), *up]


@flow
def digests_on_a_worker(names: list[str]) -> dict[str, str | None]:
    """What a worker has in these variables."""
    return dict(get_executor().submit(digests, names).result())


class TestVariablesOfWorkers(VariableChecks):
    variable_targets = (Target.WORKER,)
    variable_digests = digests_on_a_worker

    def make_environment(self, **settings: Any) -> DaskCloudProviderEnvironment:
        small = {"n_workers": 1, "threads_per_worker": 1}
        return DaskCloudProviderEnvironment(LocalCluster, **{**small, **settings})

    def make_environment_with(
        self, entries: Sequence[dict[str, str]]
    ) -> DaskCloudProviderEnvironment:
        return self.make_environment(env={one["name"]: one["value"] for one in entries})
