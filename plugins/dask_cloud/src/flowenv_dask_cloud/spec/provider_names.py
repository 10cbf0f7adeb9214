"""Whether a provider's class can be imported by its name, which is what travels of it."""

from __future__ import annotations

import importlib.util
import sys

from flowenv.errors import SettingError
from flowenv_dask_cloud.spec.providers import dotted_name

AN_EXAMPLE = "Such as dask_cloudprovider.aws.FargateCluster."


def check_dotted_name(name: str) -> None:
    """Check that there is a module for a dotted name; the class itself is imported when used.

    Raises:
        SettingError: if there is none.
    """
    module, _, last = name.rpartition(".")
    if not module.strip(".") or not last:
        raise SettingError(f"provider_class {name!r} is no dotted name.", hint=AN_EXAMPLE)
    try:
        found = module in sys.modules or importlib.util.find_spec(module) is not None
    except (ImportError, ValueError, AttributeError):
        found = False
    if not found:
        raise SettingError(
            f"provider_class {name!r} can't be imported: there is no module {module}.",
            hint="Is what has it installed? " + AN_EXAMPLE,
        )


def check_can_be_named(provider: type) -> None:
    """Check that a class can be found again by its module and name.

    Raises:
        SettingError: if it can't, as one that was made in a function.
    """
    found: object = sys.modules.get(provider.__module__)
    for part in provider.__qualname__.split("."):
        found = getattr(found, part, None)
    if found is not provider:
        raise SettingError(
            f"provider_class {dotted_name(provider)} can't be imported by that name.",
            hint="Define the class at the top of a module.",
        )
