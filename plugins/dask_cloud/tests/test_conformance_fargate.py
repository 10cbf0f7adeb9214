"""The backend passes the kit with the real FargateCluster, on the ECS rig.

The flow runs in the submitting process, so nobody else can cancel it or pick it up. Variables,
secret ones among them, reach the tasks of scheduler and workers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from distributed import get_client

from flowenv import flow, get_executor
from flowenv.plugin import Target
from flowenv.testing import BackendConformance
from flowenv.testing.flows import digests
from flowenv_dask_cloud import DaskCloudProviderEnvironment
from rigs import WITHOUT_BOKEH
from rigs.ecs import EcsRig, Image
from rigs.ecs.contents import contents, log_streams

SMALL = {
    "provider_class": "dask_cloudprovider.aws.FargateCluster",
    "metadata": {"image": "dask:today"},
    "fargate_use_private_ip": True,
    "security": False,  # it is open, and only this machine can reach it
    "scheduler_cpu": 256,
    "scheduler_mem": 512,
    "worker_cpu": 256,
    "worker_mem": 512,
    "worker_extra_args": ["--no-nanny"],
    # the flow of the sweep does nothing on the cluster: no worker has to be waited for
    "adaptive_min_workers": 0,
    "adaptive_max_workers": 1,
}


@flow
def digests_on_cluster(names: list[str]) -> dict[str, str | None]:
    """What the scheduler and a worker have alike in these variables."""
    client = get_client()
    worker = get_executor().submit(digests, names).result()
    scheduler = client.run_on_scheduler(digests, names)
    assert scheduler == worker, f"the scheduler has {scheduler}, the worker {worker}"
    return dict(worker)


@pytest.fixture(scope="module")
def running_rig() -> Iterator[EcsRig]:
    images = {"dask:today": Image.of_interpreter(PYTHONPATH=WITHOUT_BOKEH)}
    with EcsRig(images, stop_timeout=0.5, aws_managed_policies=True) as rig:
        yield rig


@pytest.fixture(scope="module")
def at_first(running_rig: EcsRig) -> set[str]:
    return contents(running_rig)


@pytest.mark.slow
# on a busy machine a start takes more than the 10 s after which dask-cloudprovider warns
@pytest.mark.filterwarnings("ignore:Creating your cluster is taking:UserWarning")
class TestConformanceOnFargate(BackendConformance):
    idempotent = False  # each submission runs the flow, here
    tells_crashes = False  # a crash would be this process's own
    variable_targets = (Target.SCHEDULER, Target.WORKER)
    variable_digests = digests_on_cluster

    @pytest.fixture(autouse=True)
    def _account(
        self, running_rig: EcsRig, at_first: set[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.rig, self.at_first = running_rig, at_first
        for name, value in running_rig.environment().items():
            monkeypatch.setenv(name, value)

    def make_environment(self, **settings: Any) -> DaskCloudProviderEnvironment:
        return DaskCloudProviderEnvironment(**{**SMALL, **settings})

    def make_environment_with(
        self, entries: Sequence[dict[str, str]]
    ) -> DaskCloudProviderEnvironment:
        return self.make_environment(environment={one["name"]: one["value"] for one in entries})

    def leftovers(self) -> list[str]:
        """What the account itself has after a sweep, and hadn't at first."""
        unswept = super().leftovers()
        return [*unswept, *(contents(self.rig) - self.at_first), *log_streams(self.rig)]
