"""The settings that environments share, and an environment that has just these."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from flowenv.environments.environment import Callback, Environment
from flowenv.executors.base import Executor
from flowenv.settings.declaration import setting


def executor_setting() -> Any:
    """The `executor` setting that environments share: an `Executor`, by default None.

    For an environment whose constructor takes it in another place than `CommonEnvironment`'s.
    """
    return setting(None, help="The executor to run the flow with; else the default executor.")


def labels_setting() -> Any:
    """The `labels` setting that environments share: a list of strings, by default None."""
    return setting(None, help="Strings to find this environment's runs by.")


def on_start_setting() -> Any:
    """The `on_start` setting that environments share: a `Callback`, by default None."""
    return setting(None, help="A function called, where the flow runs, before it begins.")


def on_exit_setting() -> Any:
    """The `on_exit` setting that environments share: a `Callback`, by default None."""
    return setting(None, help="A function called, where the flow ran, after it has ended.")


def metadata_setting() -> Any:
    """The `metadata` setting that environments share: a dict, by default None."""
    return setting(
        None, help="Further data, serialised with the environment; `image` is the container image."
    )


def runtime_setting() -> Any:
    """The `runtime` setting of environments whose runs flowenv can travel with."""
    return setting(
        None,
        help="`shipped`: flowenv travels with the run, so that any Python image will do; `image`: "
        "it is in the image.",
    )


@dataclasses.dataclass(repr=False, kw_only=True)
class CommonEnvironment(Environment):
    """An environment with the five settings that all have, by keyword only.

    What a new backend starts from: a subclass adds settings of its own. The environments
    whose constructor takes the common settings in a certain order declare them themselves.

    >>> import dataclasses
    >>> from flowenv.plugin import setting
    >>> @dataclasses.dataclass(repr=False)
    ... class SshEnvironment(CommonEnvironment):
    ...     backend = "ssh"
    ...     host: str = setting("localhost", help="Where the flow runs.")
    >>> SshEnvironment("gpu-box", labels=["nightly"])
    SshEnvironment(host='gpu-box', labels=['nightly'])
    """

    executor: Executor | None = executor_setting()
    labels: Iterable[str] | None = labels_setting()
    on_start: Callback | None = on_start_setting()
    on_exit: Callback | None = on_exit_setting()
    metadata: dict[str, Any] | None = metadata_setting()
