"""What holds for every cluster that can be made here: fixed or adaptive, open or encrypted."""

import copy
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask.config
import pytest
from distributed import LocalCluster

from flowenv import Flow
from flowenv.errors import RunFailed
from flowenv_dask_cloud import DaskCloudProviderEnvironment
from rigs.machines import LocalMachineCluster

FIXED: dict[str, Any] = {"n_workers": 1}
ADAPTIVE: dict[str, Any] = {
    "n_workers": 0,
    "adaptive_min_workers": 1,
    "adaptive_max_workers": 2,
    # a worker that isn't needed stays: what `on_execute` says can be seen
    "executor_kwargs": {"adapt_kwargs": {"interval": "50ms", "wait_count": 10_000}},
}
LOCAL: dict[str, Any] = {"provider_class": LocalCluster}
TLS: dict[str, Any] = {"provider_class": LocalMachineCluster}
PLAIN: dict[str, Any] = {**TLS, "security": False}


@pytest.fixture(
    params=[
        pytest.param({**provider, **size}, id=f"{name}-{size_name}")
        for name, provider in (("local", LOCAL), ("machines", PLAIN), ("machines-tls", TLS))
        for size_name, size in (("fixed", FIXED), ("adaptive", ADAPTIVE))
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


def test_the_parallel_example_unchanged(
    environment: Callable[..., DaskCloudProviderEnvironment],
    example: Flow[..., Any],
    example_parameters: dict[str, int],
) -> None:
    assert environment().run(example, **example_parameters) == example(**example_parameters)


def test_a_failing_flow(
    environment: Callable[..., DaskCloudProviderEnvironment],
    flow_named: Callable[[str], Flow[..., Any]],
) -> None:
    run = environment().execute(flow_named("fail"))

    with pytest.raises(RunFailed, match="division by zero") as raised:
        run.result()
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


def test_on_execute_resizes_a_copy_by_the_parameters(
    environment: Callable[..., DaskCloudProviderEnvironment],
    flow_named: Callable[[str], Flow[..., Any]],
) -> None:
    def resize(parameters: dict[str, Any], provider_kwargs: dict[str, Any]) -> None:
        provider_kwargs["n_workers"] = parameters["numbers"]
        provider_kwargs[variables]["SIZE"] = "2"

    local = environment().provider_class is LocalCluster
    variables = "env" if local else "env_vars"
    chosen = environment(**{variables: {}, "on_execute": resize})
    before = copy.deepcopy(chosen.kwargs)

    assert chosen.run(flow_named("two_workers"), numbers=2) == ["2", "2"]
    assert chosen.kwargs == before
