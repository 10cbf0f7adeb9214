"""Flows that run in this process see the variables that a container would have."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from flowenv import Flow, flow, hookimpl, submit
from flowenv.errors import ConfigurationError
from flowenv.submission.lifecycle import prepare

from ..flow_files import write
from ..plugging import Plugging, ToyEnvironment

NAMES = ("REGION", "PASSWORD", "TEAM", "GONE", "ARN")


@flow
def seen() -> dict[str, str | None]:
    return {name: os.environ.get(name) for name in NAMES}


@pytest.fixture(autouse=True)
def configured(toy: Plugging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GONE", "mine")
    (tmp_path / "key.txt").write_text("hunter2\n")
    write(tmp_path / "flowenv.toml", """
        environment = "toy"
        [env]
        REGION = "eu"
        PASSWORD = { file = "key.txt" }
        [environments.nightly]
        type = "toy"
        [environments.nightly.env]
        REGION = "us"
    """)  # fmt: skip


def test_the_configured_ones_are_there_for_as_long_as_the_flow_runs() -> None:
    before = dict(os.environ)
    found = submit(seen).result()
    assert (found["REGION"], found["PASSWORD"], found["GONE"]) == ("eu", "hunter2", "mine")
    assert os.environ == before
    assert submit(seen, environment="nightly").result()["REGION"] == "us"
    assert submit(seen, variables={"REGION": "asia"}).result()["REGION"] == "asia"
    assert ToyEnvironment().run(seen)["REGION"] == "eu"
    assert os.environ == before


def test_a_secret_that_nobody_has_refuses_the_run_before_it_begins() -> None:
    with pytest.raises(ConfigurationError, match="nobody has it"):
        submit(seen, variables={"PASSWORD": {"secret": "nosuch"}})


def test_the_token_is_asked_for_by_nobody(tmp_path: Path) -> None:
    with (tmp_path / "flowenv.toml").open("a") as file:
        file.write('[secrets]\nauth_token = { env = "NO_SUCH_VARIABLE" }\n')
    assert prepare(seen, environment="toy").run_here()["REGION"] == "eu"


def test_a_flow_that_raises_leaves_them_as_they_were() -> None:
    before = dict(os.environ)
    assert submit(Flow(lambda: 1 / 0, name="f")).state.value == "Failed"
    assert os.environ == before


def test_a_hooks_are_there_too_and_what_it_removes_is_gone(
    plugging: Plugging, monkeypatch: pytest.MonkeyPatch
) -> None:
    @hookimpl
    def flowenv_environment_variables() -> dict[str, str | None]:
        return {"TEAM": "forecasting", "GONE": None}

    monkeypatch.setenv(
        "FLOWENV_PLUGINS",
        plugging.local("mine", {"flowenv_environment_variables": flowenv_environment_variables}),
    )
    found = submit(seen).result()
    assert (found["TEAM"], found["GONE"]) == ("forecasting", None)
    assert os.environ["GONE"] == "mine"


def test_a_reference_is_left_out_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    assert submit(seen, variables={"ARN": {"reference": "vault/a"}}).result()["ARN"] is None
    assert "nobody resolves the references of ARN" in caplog.text


def test_of_flows_at_once_the_last_wins_and_all_ends_as_it_began() -> None:
    before = dict(os.environ)
    first_runs, second_is_over = threading.Event(), threading.Event()
    found: list[str | None] = []

    def slow() -> None:
        first_runs.set()
        assert second_is_over.wait(20)
        found.append(os.environ.get("REGION"))

    thread = threading.Thread(
        target=submit, args=(Flow(slow, name="slow"),), kwargs={"variables": {"REGION": "one"}}
    )
    thread.start()
    assert first_runs.wait(20)
    assert submit(seen, variables={"REGION": "two"}).result()["REGION"] == "two"
    second_is_over.set()
    thread.join()
    assert found == ["one"]
    assert os.environ == before


def test_a_call_of_the_flow_sets_none() -> None:
    calls: list[Callable[[], dict[str, str | None]]] = [seen, seen.run]
    assert [call()["REGION"] for call in calls] == [None, None]
