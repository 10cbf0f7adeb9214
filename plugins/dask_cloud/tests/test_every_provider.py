"""What holds for every cluster that can be made here: fixed or adaptive, open or encrypted."""

import copy
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask.config
import pytest
from distributed import LocalCluster, get_client

from flowenv import Flow
from flowenv.errors import RunFailed
from flowenv_dask_cloud import DaskCloudProviderEnvironment
from rigs.machines import LocalMachineCluster

FIXED: dict[str, Any] = {"n_workers": 3}
ADAPTIVE: dict[str, Any] = {
    "n_workers": 0,
    "adaptive_min_workers": 0,
    "adaptive_max_workers": 1,
    # a worker that isn't needed stays: what `on_execute` says can be seen
    "executor_kwargs": {"adapt_kwargs": {"interval": "50ms", "wait_count": 10_000}},
}
LOCAL: dict[str, Any] = {"provider_class": LocalCluster}
TLS: dict[str, Any] = {
    "provider_class": LocalMachineCluster,
    "worker_class": "dask.distributed.Worker",  # a machine needs no second process
}
PLAIN: dict[str, Any] = {**TLS, "security": False}


@pytest.fixture(
    params=[
        pytest.param({**LOCAL, **FIXED}, id="local-fixed"),
        pytest.param({**LOCAL, **ADAPTIVE}, id="local-adaptive", marks=pytest.mark.slow),
        pytest.param({**PLAIN, **FIXED}, id="machines-fixed"),
        pytest.param({**PLAIN, **ADAPTIVE}, id="machines-adaptive", marks=pytest.mark.slow),
        pytest.param({**TLS, **FIXED}, id="machines-tls-fixed", marks=pytest.mark.slow),
        # a worker that is made later needs certificates too
        pytest.param({**TLS, **ADAPTIVE}, id="machines-tls-adaptive"),
    ]
)
def environment(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[..., DaskCloudProviderEnvironment]]:
    """Makes the environment; after the test nothing of its cluster may be left."""
    cloud, scratch = tmp_path / "cloud", tmp_path / "scratch"
    cloud.mkdir()
    given = dict(request.param)
    machines = given["provider_class"] is LocalMachineCluster
    if machines:
        given["directory"] = str(cloud)
    with dask.config.set(temporary_directory=str(scratch)):
        before = copy.deepcopy(dask.config.config)
        yield lambda **more: DaskCloudProviderEnvironment(**{**given, **more})
        assert dask.config.config == before
    assert list(cloud.glob("*.machine")) == []
    assert multiprocessing.active_children() == []
    assert not [one for one in threading.enumerate() if one.name.startswith("flowenv-")]
    # a machine's own disk goes with the machine
    folders = [] if machines else [path for path in scratch.rglob("worker-*") if path.is_dir()]
    assert folders == []


def one_worker(parameters: dict[str, Any], provider_kwargs: dict[str, Any]) -> None:
    """An `on_execute` that makes the cluster small."""
    provider_kwargs["n_workers"] = 1


def test_the_parallel_example_unchanged(
    environment: Callable[..., DaskCloudProviderEnvironment],
    example: Flow[..., Any],
    example_parameters: dict[str, int],
) -> None:
    chosen = environment(on_execute=one_worker)

    assert chosen.run(example, **example_parameters) == example(**example_parameters)


def test_a_failing_flow_on_a_cluster_that_on_execute_has_resized_by_the_parameters(
    environment: Callable[..., DaskCloudProviderEnvironment],
    flow_named: Callable[[str], Flow[..., Any]],
) -> None:
    variables = "env" if environment().provider_class is LocalCluster else "env_vars"
    seen: list[str] = []

    def resize(parameters: dict[str, Any], provider_kwargs: dict[str, Any]) -> None:
        provider_kwargs["n_workers"] = parameters["workers"]
        provider_kwargs[variables]["SIZE"] = "small"

    def look() -> None:
        client = get_client()
        client.wait_for_workers(1, timeout=20)
        seen.extend(client.run(os.getenv, "SIZE").values())

    chosen = environment(**{variables: {}, "on_execute": resize, "on_start": look})
    before = copy.deepcopy(chosen.kwargs)

    run = chosen.execute(flow_named("fail"), workers=1)

    with pytest.raises(RunFailed, match="division by zero") as raised:
        run.result()
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert seen == ["small"]
    assert chosen.kwargs == before  # on_execute gets a copy
