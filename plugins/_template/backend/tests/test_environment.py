"""The settings of AcmeEnvironment."""

from __future__ import annotations

import pytest
from flowenv.errors import SettingError

from flowenv_acme import AcmeEnvironment


def test_a_negative_grace_is_an_error() -> None:
    with pytest.raises(SettingError, match="grace"):
        AcmeEnvironment(grace=-1.0)
