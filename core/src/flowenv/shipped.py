"""What of an environment travels to a flow's process that doesn't need the backend."""

from __future__ import annotations

import dataclasses
from typing import Any

from flowenv.environment import (
    Callback,
    Environment,
    executor_setting,
    labels_setting,
    metadata_setting,
    on_exit_setting,
    on_start_setting,
)
from flowenv.executors.base import Executor


@dataclasses.dataclass(repr=False)
class ShippedEnvironment(Environment):
    """What every environment has: enough to run a flow once it is where it should be."""

    backend = "shipped"

    executor: Executor | None = executor_setting()
    labels: list[str] | None = labels_setting()
    on_start: Callback | None = on_start_setting()
    on_exit: Callback | None = on_exit_setting()
    metadata: dict[str, Any] | None = metadata_setting()
