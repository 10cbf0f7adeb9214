"""What a subclass of an environment has that doesn't reach the flow's container.

There the environment is what its backend's class makes of its settings.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable

_CALLED_BY_USERS = ("setup", "execute", "run")


def warn_of_methods(cls: type, base: type) -> None:
    """Say which methods of a new class nobody but its own user calls.

    Args:
        cls: the new class.
        base: the class whose methods they are.
    """
    own = [name for name in _CALLED_BY_USERS if name in vars(cls) and hasattr(base, name)]
    if own:
        warnings.warn(
            f"{' and '.join(own)} of {cls.__qualname__}: flowenv.submit and the command line call "
            "no method of a subclass, and in the flow's container it isn't there: a backend's "
            "hooks run the flow. Use on_start and on_exit, or hooks: flowenv_setup, "
            "flowenv_execute, flowenv_run_flow.",
            UserWarning,
            stacklevel=3,
        )


def warn_of_attributes(environment: object, settings: Iterable[str]) -> None:
    """Say which attributes of an environment are lost when it is serialised or pickled.

    Args:
        environment: the environment.
        settings: what is not lost, and what isn't meant to travel.
    """
    known = set(settings)
    lost = [name for name in vars(environment) if name not in known and not name.startswith("_")]
    if lost:
        warnings.warn(
            f"{', '.join(lost)} of {type(environment).__qualname__}: only settings travel with an "
            "environment, so the flow's container doesn't have what else was set on it. Put it "
            "into metadata, or declare it with flowenv.plugin.setting.",
            UserWarning,
            stacklevel=4,
        )
