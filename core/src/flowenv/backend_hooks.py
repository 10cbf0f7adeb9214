"""One backend's hooks: a pluggy manager with the core's and all plugins' implementations."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from flowenv import hookspecs
from flowenv.errors import PluginError
from flowenv.settings import nearest

if TYPE_CHECKING:
    from flowenv.flow_run import FlowRun
    from flowenv.states import Status

_log = logging.getLogger("flowenv.plugins")

CONTRIBUTED = ("flowenv_environment_variables", "flowenv_modify_spec", "flowenv_state_changed")
"""Hooks that are called plugin by plugin, so that each one's share is known."""


@dataclass(frozen=True)
class LoadedPlugin:
    """A plugin that is registered with every backend.

    Args:
        name: how messages name it.
        module: its module.
    """

    name: str
    module: ModuleType


class BackendHooks:
    """The hooks of one backend, with the core's and all plugins' implementations."""

    def __init__(self, name: str, backend: ModuleType | None, plugins: Sequence[LoadedPlugin]):
        from flowenv import core_hooks

        self.name = name
        self.manager = pluggy.PluginManager("flowenv")
        self.manager.add_hookspecs(hookspecs)
        # pluggy calls the last registered first
        if backend is not None:
            register(self.manager, backend, f"backend {name}")
        register(self.manager, core_hooks, "core")
        for plugin in plugins:
            register(self.manager, plugin.module, plugin.name)
        self.hook = self.manager.hook

    def each(self, hook: str, **arguments: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
        """A hook's implementations one by one: name, and the call that runs it.

        In the order in which contributions are merged: backend, core, installed, local.
        """
        for found in getattr(self.hook, hook).get_hookimpls():
            given = [arguments[name] for name in found.argnames]
            yield found.plugin_name, functools.partial(found.function, *given)

    def notify(self, flow_run: FlowRun, status: Status) -> None:
        """Tell the plugins of a change of state; none of them can break the run."""
        for name, call in self.each("flowenv_state_changed", flow_run=flow_run, status=status):
            try:
                call()
            except Exception:
                _log.exception("%s failed in flowenv_state_changed", name)


def register(manager: pluggy.PluginManager, module: ModuleType, name: str) -> None:
    """Register a module's hook implementations, or leave no trace of it.

    Raises:
        PluginError: if it doesn't fit: another API version, an unknown hook, an argument
            that the hook doesn't have.
    """
    wanted = getattr(module, "flowenv_api_version", hookspecs.API_VERSION)
    if wanted != hookspecs.API_VERSION:
        newer = isinstance(wanted, int) and wanted > hookspecs.API_VERSION
        raise PluginError(
            f"{name} is written for version {wanted} of flowenv's hooks; this flowenv has "
            f"version {hookspecs.API_VERSION}.",
            hint=f"Upgrade {'flowenv' if newer else name}.",
        )
    try:
        manager.register(module, name)
        manager.check_pending()
        _check_contributions(manager, module, name)
    except pluggy.PluginValidationError as error:
        if manager.is_registered(module):
            manager.unregister(module)
        raise PluginError(f"{name} doesn't fit the hooks: {_explain(error, module)}") from error


def _check_contributions(manager: pluggy.PluginManager, module: ModuleType, name: str) -> None:
    for hook in CONTRIBUTED:
        for found in getattr(manager.hook, hook).get_hookimpls():
            if found.plugin is module and (found.wrapper or found.hookwrapper):
                raise pluggy.PluginValidationError(module, f"{hook} can't be wrapped.")


def _explain(error: pluggy.PluginValidationError, module: ModuleType) -> str:
    known = [n for n in vars(hookspecs) if n.startswith("flowenv_")]
    for attribute in vars(module):
        if attribute.startswith("flowenv_") and attribute not in known:
            if attribute == "flowenv_api_version":
                continue
            return f"there is no hook {attribute}. {nearest(attribute, known)}"
    return " ".join(str(error).split())


def try_out(module: ModuleType, name: str) -> None:
    """Register with a manager of its own, so that a wrong plugin harms no other.

    Raises:
        PluginError: if it doesn't fit.
    """
    manager = pluggy.PluginManager("flowenv")
    manager.add_hookspecs(hookspecs)
    register(manager, module, name)
