"""Plugins that must be there: without one of them nothing is built and nothing submitted.

An installed plugin that can't be loaded is left out, so that it harms nobody. For a policy that
is the wrong way round. Who depends on a plugin requires it: `required_plugins` in the
configuration, or `FLOWENV_REQUIRED_PLUGINS`. Both count, so neither can take away what the
other requires.
"""

from __future__ import annotations

from flowenv.errors import FlowenvError, PluginError
from flowenv.registry.registry import Registry
from flowenv.settings.declaration import closest


def why_missing(name: str, registry: Registry) -> PluginError | None:
    """Why a required plugin isn't loaded, and what to do; None if it is.

    Args:
        name: one of `registry.required`.
        registry: where it should be.
    """
    start = f"{registry.required[name]} requires the plugin {name}, which"
    there = {one.name for one in registry.installed() if one.kind == "plugin"}
    if name not in there:
        known = ", ".join(sorted(there)) or "none"
        near = closest(name, there)
        return PluginError(
            f"{start} isn't installed; installed: {known}.",
            hint=f"Did you mean {near!r}?" if near else "Install the distribution that brings it.",
        )
    if registry.load is not None and name not in registry.load:
        return PluginError(
            f"{start} FLOWENV_LOAD_PLUGINS leaves out.",
            hint="Name it there too, or unset FLOWENV_LOAD_PLUGINS.",
        )
    registry.plugins()
    for one, error in registry.left_out.items():
        if one.name == name:
            own = error.message if isinstance(error, FlowenvError) else repr(error)
            hint = getattr(error, "hint", "") or f"Mend or reinstall {one.distribution}."
            missing = PluginError(f"{start} can't be used: {own}", hint=hint)
            missing.__cause__ = error
            return missing
    return None


def check_required(registry: Registry) -> None:
    """See to it that every required plugin is loaded, before anything is built.

    Raises:
        PluginError: naming one that isn't, who requires it, why, and what to do.
    """
    for name in registry.required:
        if missing := why_missing(name, registry):
            raise missing
