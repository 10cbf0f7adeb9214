"""What of the kit depends on the provider, with the real FargateCluster on the ECS rig.

Variables, secret ones among them, that reach the tasks of scheduler and workers, and a sweep.
The rest is the same for every provider, and `test_conformance.py` has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from distributed import get_client

from flowenv import flow, get_executor
from flowenv.contract import Target
from flowenv.testing.base import ConformanceBase
from flowenv.testing.flows import digests
from flowenv.testing.operations import OperationChecks
from flowenv.testing.variables import VariableChecks
from flowenv_dask_cloud import DaskCloudProviderEnvironment
from rigs import WITHOUT_BOKEH
from rigs.ecs import EcsRig, Image

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


@pytest.mark.slow
# on a busy machine a start takes more than the 10 s after which dask-cloudprovider warns
@pytest.mark.filterwarnings("ignore:Creating your cluster is taking:UserWarning")
class TestConformanceOnFargate(ConformanceBase):
    variable_targets = (Target.SCHEDULER, Target.WORKER)
    variable_digests = digests_on_cluster
    _assert_arrive = VariableChecks._assert_arrive
    test_containers_get_their_contract = VariableChecks.test_containers_get_their_contract
    test_secrets_are_masked_and_arrive = VariableChecks.test_secrets_are_masked_and_arrive
    test_a_sweep_removes_only_when_told_to = OperationChecks.test_a_sweep_removes_only_when_told_to

    @pytest.fixture(autouse=True)
    def _account(self, running_rig: EcsRig, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in running_rig.environment().items():
            monkeypatch.setenv(name, value)

    def make_environment(self, **settings: Any) -> DaskCloudProviderEnvironment:
        return DaskCloudProviderEnvironment(**{**SMALL, **settings})
