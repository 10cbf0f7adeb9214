"""What of an environment travels to a flow's process that doesn't need the backend."""

from __future__ import annotations

import dataclasses

from flowenv.environments.common_environment import CommonEnvironment


@dataclasses.dataclass(repr=False)
class ShippedEnvironment(CommonEnvironment):
    """What every environment has: enough to run a flow once it is where it should be."""

    backend = "shipped"
