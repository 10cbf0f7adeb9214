"""The loaded backends and plugins: found, imported and kept, each once."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from flowenv import discovery
from flowenv.backend_hooks import BackendHooks, LoadedPlugin, try_out
from flowenv.discovery import Installed
from flowenv.errors import BackendNotFound, ConfigurationError, PluginError
from flowenv.settings import nearest
from flowenv.targets import import_module, module_name

if TYPE_CHECKING:
    from flowenv.environment import Environment

__all__ = ["BackendHooks", "LoadedPlugin", "Registry", "registry", "reset", "use_local_plugins"]

_log = logging.getLogger("flowenv.plugins")

_IMPORT_FAILS = (Exception, SystemExit)
"""What the import of somebody else's module may raise without being an interrupt."""


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
        self.errors: dict[str, BaseException] = {}
        # plugins can look things up while they are imported, so the same thread may come again
        self._lock = threading.RLock()

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
        if found := self._hooks.get(backend):
            return found
        with self._lock:
            if backend not in self._hooks:
                module = self._import(backend)
                self._hooks[backend] = self._registered(backend, module)
            return self._hooks[backend]

    def _registered(self, backend: str, module: ModuleType) -> BackendHooks:
        try:
            return BackendHooks(backend, module, self.plugins())
        except PluginError as error:
            self.errors[backend] = error
            raise

    def hooks_without_backend(self) -> BackendHooks:
        """The core's hooks and all plugins', for what needs no backend."""
        with self._lock:
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
        name = f"backend {backend} of {owner.distribution} {owner.version}"
        try:
            _check_requirements(owner, name)
            return importlib.import_module(owner.module)
        except _IMPORT_FAILS as error:
            self.errors[backend] = error
            if isinstance(error, PluginError):
                raise
            raise PluginError(
                f"The {name} can't be imported: {type(error).__name__}: {error}."
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
        with self._lock:
            if self._plugins is None:
                self._plugins = self._load_plugins()
            return self._plugins

    def _load_plugins(self) -> list[LoadedPlugin]:
        there = [one for one in self.installed() if one.kind == "plugin"]
        for name in set(self.load or ()) - {one.name for one in there}:
            _log.warning("FLOWENV_LOAD_PLUGINS names %s, which isn't installed.", name)
        wanted = [one for one in there if self.load is None or one.name in self.load]
        found = [loaded for one in wanted if (loaded := self._load_installed(one))]
        found += [_load_local(name) for name in self.local_plugins]
        # a module that is named twice counts where it is named last
        last = {plugin.module: plugin for plugin in found}
        return [plugin for plugin in found if last[plugin.module] is plugin]

    def _load_installed(self, one: Installed) -> LoadedPlugin | None:
        name = f"plugin {one.name} of {one.distribution} {one.version}"
        try:
            _check_requirements(one, name)
            module = importlib.import_module(one.module)
            try_out(module, name)
        except _IMPORT_FAILS as error:
            self.errors[one.name] = error
            _log.warning("The %s is left out: %s: %s", name, type(error).__name__, error)
            return None
        same_name = [other for other in self.installed() if other.name == one.name]
        title = f"plugin {one.name}" + (f" of {one.distribution}" if len(same_name) > 1 else "")
        return LoadedPlugin(title, module)


def _check_requirements(one: Installed, name: str) -> None:
    """Say clearly that versions don't fit, before a plugin breaks in its own words."""
    from flowenv.requirements import unmet

    if problems := unmet(one.distribution):
        raise PluginError(
            f"The {name} doesn't fit what is installed: {'; '.join(problems)}.",
            hint=f"Run: pip install --upgrade flowenv {one.distribution}",
        )


def _load_local(name: str) -> LoadedPlugin:
    is_file = name.endswith(".py") or os.sep in name
    try:
        module = _import_file(Path(name)) if is_file else import_module(name)
    except _IMPORT_FAILS as error:
        raise PluginError(
            f"The plugin {name} can't be imported: {type(error).__name__}: {error}."
        ) from error
    title = f"plugin {_nearby(name) if is_file else name}"
    try_out(module, title)
    if not any(hasattr(value, "flowenv_impl") for value in vars(module).values()):
        _log.warning("The %s has no hooks. Is @hookimpl missing above a function?", title)
    return LoadedPlugin(title, module)


def _nearby(path: str) -> str:
    """A file's path as people write it: configuration makes it a long one."""
    return min(path, os.path.relpath(path), key=len)


def _import_file(path: Path) -> ModuleType:
    """Import a plugin's file; the same file again is the same module."""
    path = path.resolve()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    name = f"flowenv_local_plugin_{module_name(path)}_{zlib.crc32(bytes(path)):08x}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles look their module up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


_registry: Registry | None = None
_registry_lock = threading.RLock()


def registry() -> Registry:
    """The process's registry, made on first use from configuration and environment variables.

    `FLOWENV_PLUGINS` names local plugins, separated by commas. `FLOWENV_LOAD_PLUGINS` names
    the installed plugins to load: unset means all, empty means none.
    """
    global _registry
    if _registry is None:
        with _registry_lock:
            _registry = _registry or _make_registry()
    return _registry


def _make_registry() -> Registry:
    from flowenv.configuration import configuration

    local = [*configuration().plugins, *_names("FLOWENV_PLUGINS")]
    load = _names("FLOWENV_LOAD_PLUGINS") if "FLOWENV_LOAD_PLUGINS" in os.environ else None
    return Registry(local, load)


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
