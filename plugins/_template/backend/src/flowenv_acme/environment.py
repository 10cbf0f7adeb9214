"""What the user sets."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowenv import Capabilities, FlowRun
from flowenv.errors import SettingError, SpecError
from flowenv.plugin import CommonEnvironment, Target, Value, setting


@dataclasses.dataclass(repr=False)
class AcmeEnvironment(CommonEnvironment):
    """Runs a flow on acme.

    Args:
        grace: seconds that a cancelled flow has to end by itself.

    Raises:
        SettingError: if a setting is wrong.

    >>> AcmeEnvironment(grace=5.0)
    AcmeEnvironment(grace=5.0)
    """

    backend = "acme"
    # attach, find and sweep need runs that outlive the process that submitted them
    capabilities = Capabilities(cancel=True, logs=True)

    grace: float = setting(30.0, help="Seconds that a cancelled flow has to end by itself.")

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.grace < 0:
            raise SettingError(f"The setting grace must not be negative: {self.grace}.")

    def variables(self, target: Target) -> Mapping[str, Value]:
        """What only acme knows: the `python` of the command is this process's own."""
        path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '/usr/bin:/bin')}"
        return {**super().variables(target), "PATH": path}

    def validate_spec(self, spec: Mapping[str, Any], flow_run: FlowRun) -> None:
        """Refuse what acme would refuse, after all plugins have changed the spec."""
        super().validate_spec(spec, flow_run)
        if not spec["command"]:
            raise SpecError("The spec has no command.", hint="See which plugin took it away.")

    # contract_values(flow_run) and needs_image() say more that only a platform knows
