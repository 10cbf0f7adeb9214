"""Runs on a VMCluster whose machines are processes of this machine."""

import copy
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.config
import pytest

from flowenv import Flow
from flowenv.errors import RunCrashed
from flowenv.plugin import Reason, State
from flowenv_dask_cloud import DaskCloudProviderEnvironment
from flowenv_dask_cloud.cluster.leftovers import Leftovers
from rigs.machines import LocalMachineCluster  # imports Dask, whose defaults are configuration


@pytest.fixture
def cloud(tmp_path: Path) -> Path:
    """The folder with a file for each machine of the cloud."""
    folder = tmp_path / "cloud"
    folder.mkdir()
    return folder


@pytest.fixture
def environment(cloud: Path) -> Callable[..., DaskCloudProviderEnvironment]:
    def make(**settings: Any) -> DaskCloudProviderEnvironment:
        own = {"n_workers": 1, "directory": str(cloud), "worker_class": "dask.distributed.Worker"}
        settings = {**own, **settings}
        return DaskCloudProviderEnvironment(LocalMachineCluster, **settings)

    return make


def machines(cloud: Path) -> list[str]:
    return [path.name for path in cloud.glob("*.machine")]


def test_connections_are_encrypted_and_variables_arrive_but_no_configuration_outlives_the_run(
    flow_named: Callable[[str], Flow[..., Any]],
    environment: Callable[..., DaskCloudProviderEnvironment],
) -> None:
    before = copy.deepcopy(dask.config.config)
    awkward = """it's "quoted", $HOME `x` \\ [] {{y}}"""

    run = environment(
        env_vars={"AWKWARD": awkward, "NUMBER": 3}, worker_class="dask.distributed.Nanny"
    ).execute(flow_named("connection"))

    result = run.result()
    assert result["scheduler"].startswith("tls://")
    for variables in (result["variables"], *result["workers"]):
        assert variables["AWKWARD"] == awkward
        assert variables["NUMBER"] == "3"
        assert variables["PREFECT__CONTEXT__FLOW_RUN_ID"] == run.id
        assert "PREFECT__CLOUD__AUTH_TOKEN" not in variables
    assert dask.config.config == before


def test_an_adaptive_cluster_from_nothing_without_tls(
    flow_named: Callable[[str], Flow[..., Any]],
    environment: Callable[..., DaskCloudProviderEnvironment],
    cloud: Path,
) -> None:
    result = environment(
        n_workers=0,
        adaptive_min_workers=0,
        adaptive_max_workers=1,
        security=False,
        executor_kwargs={"adapt_kwargs": {"interval": "50ms"}},
    ).run(flow_named("total"), numbers=3)

    assert result == {"total": 5, "workers": 1}
    assert machines(cloud) == []


def test_callbacks_come_in_order_around_the_cluster_and_progress_says_what_is_made(
    flow_named: Callable[[str], Flow[..., Any]],
    environment: Callable[..., DaskCloudProviderEnvironment],
    cloud: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "flowenv.dask_cloud")
    seen: list[tuple[str, int]] = []

    def note(what: str) -> Callable[..., None]:
        return lambda *_: seen.append((what, len(machines(cloud))))

    run = environment(
        security=False,
        on_execute=note("on_execute"),
        on_start=note("on_start"),
        on_exit=note("on_exit"),
    ).execute(flow_named("total"))

    assert run.state is State.COMPLETED
    assert seen == [("on_execute", 0), ("on_start", 2), ("on_exit", 2)]
    assert machines(cloud) == []
    said = [record.getMessage() for record in caplog.records]
    assert "LocalMachineCluster: Creating scheduler instance." in said
    assert any(
        line.startswith("Waiting for the first worker. Dask dashboard: http") for line in said
    )
    names = [one.name for one in run.phases()]
    assert names == ["loading", "clustering", "loading", "running", "closing"]


@pytest.mark.parametrize("role", ["scheduler", "worker"])
def test_a_machine_that_cant_be_made_crashes_the_run_and_leaves_nothing(
    role: str,
    flow_named: Callable[[str], Flow[..., Any]],
    environment: Callable[..., DaskCloudProviderEnvironment],
    cloud: Path,
) -> None:
    run = environment(broken=role, security=False).execute(flow_named("total"))

    assert run.state is State.CRASHED
    assert f"no room for a {role}" in run.status.message
    assert machines(cloud) == []


def test_a_scheduler_that_never_answers_is_given_up_in_time_with_what_was_last_seen(
    flow_named: Callable[[str], Flow[..., Any]],
    environment: Callable[..., DaskCloudProviderEnvironment],
    cloud: Path,
) -> None:
    run = environment(deaf="scheduler", security=False, start_timeout=0.7).execute(
        flow_named("total")
    )

    assert (run.state, run.status.reason) == (State.CRASHED, Reason.DEADLINE)
    assert "wasn't up after 0.7 s" in run.status.message
    assert "Waiting for the scheduler at" in run.status.message
    assert machines(cloud) == []


def test_workers_that_never_join_are_given_up_in_time(
    flow_named: Callable[[str], Flow[..., Any]],
    environment: Callable[..., DaskCloudProviderEnvironment],
    cloud: Path,
) -> None:
    run = environment(deaf="worker", security=False, worker_timeout=0.5).execute(
        flow_named("total")
    )

    with pytest.raises(RunCrashed, match=r"0 of 1 workers joined .* within 0\.5 s"):
        run.result()
    assert machines(cloud) == []


def test_a_lost_scheduler_crashes_the_run_with_the_providers_words_and_no_machine_is_left(
    flow_named: Callable[[str], Flow[..., Any]],
    environment: Callable[..., DaskCloudProviderEnvironment],
    cloud: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Leftovers, "problems", lambda _: ["The machine was taken back"])
    chosen = environment(security=False, executor_kwargs={"client_kwargs": {"timeout": 1}})

    run = chosen.execute(flow_named("lose_scheduler"), cloud=str(cloud))

    assert (run.state, run.status.reason) == (State.CRASHED, Reason.LOST)
    expected = "was lost while the flow ran. The machine was taken back."
    assert expected in run.status.message
    assert machines(cloud) == []


def test_a_cluster_without_workers_is_refused_before_it_is_made(
    flow_named: Callable[[str], Flow[..., Any]],
    environment: Callable[..., DaskCloudProviderEnvironment],
) -> None:
    run = environment(n_workers=0).execute(flow_named("total"))

    assert "would have no workers" in run.status.message
