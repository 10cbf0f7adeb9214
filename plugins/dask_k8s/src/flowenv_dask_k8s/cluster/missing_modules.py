"""What workers lack that the flow's process has."""

from __future__ import annotations

import importlib.util

from flowenv.errors import PlatformError
from flowenv.plugin import Reason


def what_they_lack(error: Exception) -> PlatformError | None:
    """Whether a flow's error comes of a module that only the flow's image has; None if not.

    Args:
        error: what the flow, or what is around it, raised.
    """
    if not isinstance(error, ModuleNotFoundError) or not error.name or not _is_here(error.name):
        return None
    return PlatformError(
        f"A worker or the scheduler can't import {error.name}, which the flow's process can.",
        hint="Install it in their image. A submitted run can use one image for all: leave it out "
        "of worker_spec.",
        reason=Reason.CONFIGURATION,
    )


def _is_here(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
