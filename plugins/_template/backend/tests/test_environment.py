"""The settings of AcmeEnvironment."""

from __future__ import annotations

import pytest
from flowenv import FlowRun
from flowenv.errors import SettingError, SpecError

from flowenv_acme import AcmeEnvironment


def test_a_negative_grace_is_an_error() -> None:
    with pytest.raises(SettingError, match="grace"):
        AcmeEnvironment(grace=-1.0)


def test_a_spec_without_a_command_is_an_error() -> None:
    environment = AcmeEnvironment()
    run = FlowRun(environment, id="1", flow_name="report")
    with pytest.raises(SpecError, match="no command"):
        environment.validate_spec({"command": []}, run)
