"""The loaded backends and plugins: one pluggy manager a backend, made once."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from flowenv import discovery, hookspecs
from flowenv.discovery import Installed
from flowenv.errors import BackendNotFound, ConfigurationError, PluginError
from flowenv.settings import nearest

if TYPE_CHECKING:
    from flowenv.environment import Environment
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


class Registry:
    """Finds, imports and keeps backends and plugins.

    Args:
        local_plugins: modules or files of plugins without packaging, later wins.
        load: names of the installed plugins to load; None for all.
    """

    def __init__(self, local_plugins: Sequence[str] = (), load: Sequence[str] | None = None):
        self.local_plugins = tuple(local_plugins)
        self.load = load
        self._hooks: dict[str | None, BackendHooks] = {}
        self._plugins: list[LoadedPlugin] | None = None
        self._installed: list[Installed] | None = None
        self.errors: dict[str, Exception] = {}

    def installed(self) -> list[Installed]:
        """All installed backends and plugins, without importing them."""
        if self._installed is None:
            self._installed = discovery.installed()
        return self._installed

    def backends(self) -> dict[str, list[Installed]]:
        """The installed backends by name; more than one owner is a conflict."""
        found: dict[str, list[Installed]] = {}
        for one in self.installed():
            if one.kind == "backend":
                found.setdefault(one.name, []).append(one)
        return found

    def hooks(self, backend: str) -> BackendHooks:
        """The hooks of a backend; it is imported now if it wasn't.

        Raises:
            BackendNotFound: if it isn't installed.
            PluginError: if it can't be imported, doesn't fit, or has two owners.
        """
        if backend not in self._hooks:
            self._hooks[backend] = BackendHooks(backend, self._import(backend), self.plugins())
        return self._hooks[backend]

    def hooks_without_backend(self) -> BackendHooks:
        """The core's hooks and all plugins', for what needs no backend."""
        if None not in self._hooks:
            self._hooks[None] = BackendHooks("none", None, self.plugins())
        return self._hooks[None]

    def _import(self, backend: str) -> ModuleType:
        owners = self.backends().get(backend, [])
        if not owners:
            raise self._not_installed(backend)
        if len(owners) > 1:
            names = " and ".join(f"{o.distribution} {o.version}" for o in owners)
            raise PluginError(
                f"Two distributions bring a backend {backend!r}: {names}.",
                hint="Uninstall one of them.",
            )
        owner = owners[0]
        try:
            return importlib.import_module(owner.module)
        except Exception as error:
            self.errors[backend] = error
            raise PluginError(
                f"The backend {backend} of {owner.distribution} {owner.version} can't be "
                f"imported: {type(error).__name__}: {error}."
            ) from error

    def _not_installed(self, backend: str) -> BackendNotFound:
        there = ", ".join(self.backends()) or "none"
        if backend in discovery.KNOWN_BACKENDS:
            hint = f"Run: pip install {discovery.KNOWN_BACKENDS[backend]}"
        else:
            known = {**discovery.KNOWN_BACKENDS, **dict.fromkeys(self.backends(), "")}
            hint = nearest(backend, known)
        return BackendNotFound(
            f"The backend {backend!r} isn't installed; installed: {there}.", hint=hint
        )

    def environment_type(self, backend: str) -> type[Environment]:
        """A backend's Environment class.

        Raises:
            PluginError: if the backend can't be loaded, or has none.
        """
        from flowenv.environment import Environment

        found = self.hooks(backend).hook.flowenv_environment_type()
        if not (isinstance(found, type) and issubclass(found, Environment)):
            raise PluginError(f"The backend {backend} gives no Environment class, but {found!r}.")
        if found.backend != backend:
            raise PluginError(
                f"{found.__name__}.backend is {found.backend!r}, but its entry point is "
                f"named {backend!r}."
            )
        return found

    def plugins(self) -> list[LoadedPlugin]:
        """The plugins for every backend: installed ones, then local ones.

        An installed plugin that can't be loaded is kept in `errors` and left out; a local
        one is an error, since somebody asked for it.
        """
        if self._plugins is None:
            found = []
            for one in self.installed():
                wanted = self.load is None or one.name in self.load
                if one.kind == "plugin" and wanted and (loaded := self._load_installed(one)):
                    found.append(loaded)
            found += [_load_local(name) for name in self.local_plugins]
            self._plugins = found
        return self._plugins

    def _load_installed(self, one: Installed) -> LoadedPlugin | None:
        name = f"plugin {one.name} of {one.distribution} {one.version}"
        try:
            module = importlib.import_module(one.module)
            _try_out(module, name)
        except Exception as error:
            self.errors[one.name] = error
            _log.warning("The %s is left out: %s: %s", name, type(error).__name__, error)
            return None
        return LoadedPlugin(f"plugin {one.name}", module)


def _try_out(module: ModuleType, name: str) -> None:
    """Register with a manager of its own, so that a wrong plugin harms no other."""
    manager = pluggy.PluginManager("flowenv")
    manager.add_hookspecs(hookspecs)
    register(manager, module, name)


def _load_local(name: str) -> LoadedPlugin:
    try:
        if name.endswith(".py") or os.sep in name:
            module = _import_file(Path(name))
        else:
            module = importlib.import_module(name)
    except Exception as error:
        raise PluginError(
            f"The plugin {name} can't be imported: {type(error).__name__}: {error}."
        ) from error
    _try_out(module, f"plugin {name}")
    return LoadedPlugin(f"plugin {name}", module)


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(f"flowenv_local_plugin_{path.stem}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_registry: Registry | None = None


def registry() -> Registry:
    """The process's registry, made on first use from configuration and environment variables.

    `FLOWENV_PLUGINS` names local plugins, separated by commas. `FLOWENV_LOAD_PLUGINS` names
    the installed plugins to load: unset means all, empty means none.
    """
    global _registry
    if _registry is None:
        from flowenv.configuration import configuration

        local = [*configuration().plugins, *_names("FLOWENV_PLUGINS")]
        load = _names("FLOWENV_LOAD_PLUGINS") if "FLOWENV_LOAD_PLUGINS" in os.environ else None
        _registry = Registry(local, load)
    return _registry


def _names(variable: str) -> list[str]:
    return [part.strip() for part in os.environ.get(variable, "").split(",") if part.strip()]


def use_local_plugins(names: Sequence[str]) -> None:
    """Add local plugins (`--plugin`) to those of configuration and environment variables.

    Raises:
        ConfigurationError: if backends have already been loaded without them.
    """
    global _registry
    found = registry()
    if names:
        if found._hooks:
            raise ConfigurationError("Plugins must be named before a backend is used.")
        _registry = Registry((*found.local_plugins, *names), found.load)


def reset() -> None:
    """Forget the registry, so that the next use makes a fresh one. For tests."""
    global _registry
    _registry = None
