"""Executors by name, as configuration, command line and variables give them."""

from __future__ import annotations

import inspect
from typing import Any

from flowenv.errors import SettingError
from flowenv.executors.base import Executor
from flowenv.settings.declaration import nearest

_OLD_MODULES = ("prefect.executors", "prefect.engine.executors")


def executor_class(name: str) -> Any:
    """The executor class of that name.

    Args:
        name: one of flowenv's own, such as `LocalDaskExecutor`, or the dotted name of any.

    Raises:
        SettingError: if there is no such class.
    """
    from flowenv import executors
    from flowenv.executors.classes import load_class

    own = [one for one in executors.__all__ if one.endswith("Executor") and one != "Executor"]
    module, _, last = name.rpartition(".")
    if name in own or (module in _OLD_MODULES and last in own):
        return getattr(executors, last)
    if not module:
        raise SettingError(f"There is no executor {name!r}.", hint=nearest(name, own))
    return load_class(name)


def make_executor(name: str, settings: dict[str, Any]) -> Executor:
    """Make an executor.

    Args:
        name: as `executor_class` takes it.
        settings: its settings.

    Raises:
        SettingError: naming what is unknown or wrong.
    """
    found = executor_class(name)
    if not (isinstance(found, type) and issubclass(found, Executor)):
        raise SettingError(f"{name} is no flowenv Executor class.")
    _check_names(found, settings)
    try:
        return found(**settings)
    except SettingError:
        raise
    except TypeError as error:
        raise SettingError(f"The executor {name} can't be made: {error}.") from error


def _check_names(found: type[Executor], settings: dict[str, Any]) -> None:
    parameters = inspect.signature(found).parameters
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return  # it looks after them itself
    for name in settings:
        if name not in parameters:
            raise SettingError(
                f"{found.__name__} has no setting {name!r}.", hint=nearest(name, parameters)
            )
