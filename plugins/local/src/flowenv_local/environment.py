"""The local environment: what the user sets."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from flowenv.executors import Executor
from flowenv.plugin import (
    Callback,
    Capabilities,
    Environment,
    executor_setting,
    labels_setting,
    metadata_setting,
    on_exit_setting,
    on_start_setting,
)


@dataclasses.dataclass(repr=False)
class LocalEnvironment(Environment):
    """Runs a flow in the local process, in the calling thread.

    Args:
        executor: where the flow's parallel work runs; without one the default executor.
        labels: strings that a run carries; nothing polls for them.
        on_start: called without arguments before the flow begins.
        on_exit: called without arguments after the flow has ended, also when it failed.
        metadata: further data, serialised with the environment.

    Raises:
        SettingError: a TypeError, if a setting has the wrong type.

    >>> from flowenv import flow
    >>> from flowenv_local import LocalEnvironment
    >>> @flow
    ... def double(number: int) -> int:
    ...     return 2 * number
    >>> LocalEnvironment().execute(double, number=4).result()
    8
    """

    backend = "local"
    # nobody else can reach into this process, and nothing of a run is left when it is over
    capabilities = Capabilities()

    executor: Executor | None = executor_setting()
    labels: Iterable[str] | None = labels_setting()
    on_start: Callback | None = on_start_setting()
    on_exit: Callback | None = on_exit_setting()
    metadata: dict[str, Any] | None = metadata_setting()

    @property
    def instead_of_find(self) -> str:
        """Nothing: no platform knows of a run."""
        return (
            "A run is in the process that submits it, and no platform knows of it: `flowenv run` "
            "shows it as it goes. Name another environment with --env."
        )
