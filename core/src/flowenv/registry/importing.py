"""Importing the module with the hooks of an installed backend or plugin."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType

from flowenv.errors import PluginError
from flowenv.registry.discovery import Installed


def title_of(one: Installed) -> str:
    """What messages call a backend or plugin: its kind, name, distribution and version."""
    return f"{one.kind} {one.name} of {one.distribution} {one.version}"


def two_owners(owners: Sequence[Installed]) -> PluginError:
    """The error for a name that more than one distribution brings."""
    names = " and ".join(f"{one.distribution} {one.version}" for one in owners)
    kind, name = owners[0].kind, owners[0].name
    return PluginError(
        f"Two distributions bring a {kind} {name!r}: {names}.", hint="Uninstall one of them."
    )


def import_hooks(one: Installed) -> ModuleType:
    """Import the module with the hooks of an installed backend or plugin.

    Raises:
        PluginError: if versions don't fit, or its entry point names no module. What the
            module raises comes as it is.
    """
    _check_requirements(one, title_of(one))
    module, colon, inside = one.module.partition(":")
    if colon:
        raise PluginError(
            f"The entry point of the {title_of(one)} names {inside.strip()} in {module.strip()}, "
            "but has to name the module with the hooks.",
            hint=f'Write {one.name} = "{module.strip()}" in its [project.entry-points], and '
            "install it again.",
        )
    return importlib.import_module(one.module)


def _check_requirements(one: Installed, name: str) -> None:
    """Say clearly that versions don't fit, before a plugin breaks in its own words."""
    from flowenv.registry.requirements import unmet

    if problems := unmet(one.distribution):
        raise PluginError(
            f"The {name} doesn't fit what is installed: {'; '.join(problems)}.",
            hint=f"Upgrade flowenv or {one.distribution}, from where each was installed.",
        )
