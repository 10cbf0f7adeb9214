"""Runs on distributed's own LocalCluster, and on classes that can't be stopped half-way."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from distributed import LocalCluster, get_client
from distributed.security import Security

from flowenv import Flow, Secret
from flowenv.errors import CallbackFailed, RunFailed, SettingError, SpecError
from flowenv.plugin import Reason, State
from flowenv_dask_cloud import DaskCloudProviderEnvironment
from flowenv_dask_cloud.cluster.leftovers import Leftovers

LOCAL = "distributed.LocalCluster"


class OnlyPlain(LocalCluster):  # type: ignore[misc]
    """A cluster class that takes no event loop: it is made and closed in a thread."""

    def __init__(self, n_workers: int = 1) -> None:
        super().__init__(n_workers=n_workers, processes=False, dashboard_address="127.0.0.1:0")


def local(**settings: Any) -> DaskCloudProviderEnvironment:
    return DaskCloudProviderEnvironment(LOCAL, **{"n_workers": 1, **settings})


def test_variables_and_secrets_reach_the_workers(
    flow_named: Callable[[str], Flow[..., Any]],
) -> None:
    run = local(env={"TOKEN": Secret("s3cr3t")}).execute(flow_named("connection"))

    [worker] = run.result()["workers"]
    assert worker["TOKEN"] == "s3cr3t"
    assert worker["PREFECT__CONTEXT__FLOW_RUN_ID"] == run.id
    assert run.result()["scheduler"].startswith("tls://127.0.0.1:")


@pytest.mark.parametrize("provider", [LOCAL, OnlyPlain])
def test_a_failing_flow_and_a_cluster_of_threads(
    provider: Any, flow_named: Callable[[str], Flow[..., Any]], caplog: pytest.LogCaptureFixture
) -> None:
    arguments = {"processes": False} if provider is LOCAL else {}
    environment = DaskCloudProviderEnvironment(provider, n_workers=1, **arguments)

    run = environment.execute(flow_named("fail"))

    with pytest.raises(RunFailed, match="division by zero"):
        run.result()
    unset = [r for r in caplog.records if "has no argument for these environment" in r.message]
    assert len(unset) == 1


def test_on_execute_sees_defaults_too(flow_named: Callable[[str], Flow[..., Any]]) -> None:
    seen: list[dict[str, Any]] = []

    def look(parameters: dict[str, Any], provider_kwargs: dict[str, Any]) -> None:
        seen.append(parameters)
        raise ValueError("seen enough")

    for given in ({}, {"numbers": 2}):
        local(on_execute=look).execute(flow_named("total"), **given)

    assert seen == [{"numbers": 5}, {"numbers": 2}]


def test_on_execute_gets_credentials_as_they_were_given(
    flow_named: Callable[[str], Flow[..., Any]],
) -> None:
    seen: list[Any] = []

    def look(parameters: dict[str, Any], provider_kwargs: dict[str, Any]) -> None:
        seen.append(provider_kwargs["env"]["API_TOKEN"])
        provider_kwargs["env"]["TOKEN"] = "another"

    environment = local(on_execute=look, env={"API_TOKEN": "s3cr3t"})
    run = environment.execute(flow_named("connection"))

    assert run.result()["workers"][0]["TOKEN"] == "another"
    assert seen == ["s3cr3t"]
    assert "s3cr3t" not in repr(environment) + repr(run.spec)


def test_a_cluster_isnt_said_to_be_made_before_on_execute_agrees(
    flow_named: Callable[[str], Flow[..., Any]], caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(parameters: dict[str, Any], provider_kwargs: dict[str, Any]) -> None:
        raise ValueError("too large")

    caplog.set_level(logging.DEBUG, "flowenv")
    run = local(on_execute=refuse).execute(flow_named("total"))

    assert run.state is State.FAILED
    assert "Making a" not in caplog.text


def test_an_on_execute_of_one_argument_is_refused_at_once() -> None:
    def lone(parameters: dict[str, Any]) -> None: ...

    with pytest.raises(SettingError, match="can't be called with two arguments"):
        local(on_execute=lone)


def test_what_on_execute_raises_is_the_runs_failure(
    flow_named: Callable[[str], Flow[..., Any]],
) -> None:
    def refuse(parameters: dict[str, Any], provider_kwargs: dict[str, Any]) -> None:
        raise ValueError("too large")

    run = local(on_execute=refuse).execute(flow_named("total"))

    assert run.state is State.FAILED
    assert run.status.message == "ValueError: on_execute raised ValueError: too large"
    with pytest.raises(CallbackFailed, match="too large"):
        local(on_execute=refuse).run(flow_named("total"))


def test_an_argument_that_the_constructor_refuses_crashes_the_run_with_its_words(
    flow_named: Callable[[str], Flow[..., Any]],
) -> None:
    run = local(protocol="carrier-pigeon", security=False).execute(flow_named("total"))

    assert (run.state, run.status.reason) == (State.CRASHED, Reason.START_ERROR)
    assert "The LocalCluster could not be made" in run.status.message


def test_other_versions_are_refused_before_the_flows_code(
    flow_named: Callable[[str], Flow[..., Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    versions = {"packages": {"python": "3.11.7", "dask": "1", "distributed": "1"}}
    other = {"packages": {"python": "3.12.1", "dask": "2", "distributed": "1"}}
    monkeypatch.setattr(
        "distributed.Client.get_versions",
        lambda *_, **__: {"client": versions, "scheduler": other, "workers": {}},
    )

    run = local(processes=False, on_start=lambda: called.append("on_start")).execute(
        flow_named("total")
    )

    assert run.state is State.CRASHED
    assert "client: Python 3.11, dask 1" in run.status.message
    assert "scheduler: Python 3.12, dask 2" in run.status.message
    assert called == []


def test_a_cluster_without_workers_is_refused(
    flow_named: Callable[[str], Flow[..., Any]],
) -> None:
    with pytest.raises(SpecError, match="LocalCluster would have no workers"):
        local(n_workers=0).run(flow_named("total"))


@pytest.mark.parametrize("security", [None, False])
def test_the_log_says_that_an_unknown_providers_scheduler_is_open_unless_that_is_known(
    security: bool | None,
    flow_named: Callable[[str], Flow[..., Any]],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from flowenv_dask_cloud.spec import providers

    monkeypatch.setattr(providers, "_FACTS", {})
    caplog.set_level(logging.WARNING, "flowenv.dask_cloud")

    environment = local(
        processes=False,
        protocol="tcp://",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        security=security,
    )
    run = environment.execute(flow_named("total"))

    assert run.result() == {"total": 30, "workers": 1}
    warned = any("is open to everybody who reaches it" in r.getMessage() for r in caplog.records)
    assert warned is (security is None)


def test_what_couldnt_be_looked_for_is_said_and_doesnt_change_how_the_run_ended(
    flow_named: Callable[[str], Flow[..., Any]],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def remove(self: Leftovers) -> None:
        raise OSError("nobody answers")

    monkeypatch.setattr(Leftovers, "remove", remove)

    run = local(processes=False).execute(flow_named("total"))

    assert run.state is State.COMPLETED
    expected = "Whether things of the cluster are left behind isn't known: OSError: nobody answers"
    assert expected in caplog.messages


def test_every_run_has_a_cluster_of_its_own(flow_named: Callable[[str], Flow[..., Any]]) -> None:
    seen: list[str] = []
    environment = local(
        processes=False, on_start=lambda: seen.append(get_client().scheduler_info()["id"])
    )

    for _ in range(2):
        environment.run(flow_named("total"))

    assert len(set(seen)) == 2


def test_a_security_of_the_users_own_reaches_the_cluster_and_the_client(
    flow_named: Callable[[str], Flow[..., Any]],
) -> None:
    security = Security.temporary()
    seen: list[object] = []

    run = local(
        processes=False, security=security, on_start=lambda: seen.append(get_client().security)
    ).execute(flow_named("connection"))

    assert run.result()["scheduler"].startswith("tls://")
    assert seen == [security]
