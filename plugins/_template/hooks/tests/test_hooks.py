"""The hooks of flowenv-acme, through a run of flowenv itself."""

from __future__ import annotations

import logging

import pytest
from flowenv import Environment, RunRefused, State
from flowenv.plugin import CommonEnvironment, FlowRun, Target
from flowenv.testing import loaded_plugins

from flowenv_acme import hooks


@pytest.fixture
def environment() -> Environment:
    return CommonEnvironment()


def test_the_plugin_is_loaded_with_flowenv() -> None:
    assert "plugin acme" in loaded_plugins()


def test_every_container_gets_the_variables(environment: Environment) -> None:
    given = hooks.flowenv_environment_variables(environment, Target.WORKER)
    assert given["ACME_CONTAINER"] == "worker"


def test_a_forbidden_label_refuses_the_run(environment: Environment) -> None:
    run = FlowRun(environment, id="1", flow_name="report", labels=["forbidden"])
    with pytest.raises(RunRefused, match="report"):
        hooks.flowenv_modify_spec({}, environment, run)


def test_a_change_of_state_is_told(
    environment: Environment, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run = FlowRun(environment, id="1", flow_name="report")
    hooks.flowenv_state_changed(run, run.status)
    assert State.PENDING.value in caplog.text
