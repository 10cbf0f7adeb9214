"""The loaded backends and plugins: found, imported and kept, each once."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from flowenv.answers.checked import RAISED
from flowenv.errors import BackendNotFound, ConfigurationError, PluginError
from flowenv.hooks.backend_hooks import BackendHooks, LoadedPlugin, try_out
from flowenv.hooks.checks import without_hooks
from flowenv.hooks.plugin_log import plugin_log
from flowenv.registry import discovery
from flowenv.registry.discovery import Installed
from flowenv.registry.importing import import_hooks, title_of, two_owners
from flowenv.registry.local_plugins import load_local
from flowenv.settings.declaration import nearest

if TYPE_CHECKING:
    from flowenv.environments.environment import Environment

__all__ = ["BackendHooks", "LoadedPlugin", "Registry", "registry", "reset", "use_local_plugins"]


class Registry:
    """Finds, imports and keeps backends and plugins.

    Args:
        local_plugins: modules or files of plugins without packaging, later wins.
        load: names of the installed plugins to load; None for all.
        required: names of the installed plugins that must be loaded, and who requires each.

    Attributes:
        errors: why a backend couldn't be loaded, by its name.
        left_out: the installed plugins that couldn't be loaded, and why.
    """

    def __init__(
        self,
        local_plugins: Sequence[str] = (),
        load: Sequence[str] | None = None,
        required: Mapping[str, str] | None = None,
    ):
        self.local_plugins = tuple(local_plugins)
        self.load = load
        self.required = dict(required or {})
        self._hooks: dict[str | None, BackendHooks] = {}
        self._plugins: list[LoadedPlugin] | None = None
        self._installed: list[Installed] | None = None
        self.errors: dict[str, BaseException] = {}
        self.left_out: dict[Installed, BaseException] = {}
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
            owner = self.backends()[backend][0]
            distribution = f"{owner.distribution} {owner.version}"
            return BackendHooks(backend, module, self.plugins(), distribution)
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
            raise two_owners(owners)
        owner = owners[0]
        name = title_of(owner)
        try:
            return import_hooks(owner)
        except RAISED as error:
            self.errors[backend] = error
            if isinstance(error, PluginError):
                raise
            raise PluginError(
                f"The {name} can't be imported: {type(error).__name__}: {error}.",
                hint=f"Mend or reinstall {owner.distribution}.",
            ) from error

    def _not_installed(self, backend: str) -> BackendNotFound:
        from flowenv.origin import how_to_install

        there = ", ".join(self.backends()) or "none"
        if backend in discovery.KNOWN_BACKENDS:
            hint = how_to_install(discovery.KNOWN_BACKENDS[backend])
        else:
            known = {**discovery.KNOWN_BACKENDS, **dict.fromkeys(self.backends(), "")}
            hint = self._told_by_summary(backend) or nearest(backend, known)
        return BackendNotFound(
            f"The backend {backend!r} isn't installed; installed: {there}.", hint=hint
        )

    def _told_by_summary(self, word: str) -> str:
        """The backends whose distribution's summary has a word: `kubernetes`, `aws`."""
        found = []
        for name, owners in self.backends().items():
            with contextlib.suppress(Exception):  # metadata of others may be anything
                summary = discovery.metadata().metadata(owners[0].distribution)["Summary"] or ""
                if len(word) > 2 and word.lower() in summary.lower():
                    found.append(f"{name!r} ({summary.rstrip('.')})")
        return f"Did you mean {' or '.join(found)}?" if found else ""

    def environment_type(self, backend: str) -> type[Environment]:
        """A backend's Environment class.

        Raises:
            PluginError: if the backend can't be loaded, or has none.
        """
        from flowenv.environments.capabilities import Capabilities
        from flowenv.environments.environment import Environment

        owner = self.hooks(backend).owner
        found = self.hooks(backend).hook.flowenv_environment_type()
        if not (isinstance(found, type) and issubclass(found, Environment)):
            raise PluginError(
                f"{owner} gives no Environment class, but {found!r}.",
                hint="Its flowenv_environment_type returns the class.",
            )
        if not isinstance(found.capabilities, Capabilities):
            raise PluginError(
                f"{owner} has {type(found.capabilities).__name__} for the capabilities of "
                f"{found.__name__}.",
                hint="Write capabilities = Capabilities(cancel=True, …).",
            )
        if found.backend != backend:
            raise PluginError(
                f"{found.__name__}.backend is {found.backend!r}, but its entry point is "
                f"named {backend!r}.",
                hint="Give both the same name.",
            )
        return found

    def plugins(self) -> list[LoadedPlugin]:
        """The plugins for every backend: installed ones, then local ones.

        An installed plugin that can't be loaded is kept in `left_out`; a local one is an
        error, since somebody asked for it. So is a required one: see `check_required`.
        """
        with self._lock:
            if self._plugins is None:
                self._plugins = self._load_plugins()
            return self._plugins

    def _load_plugins(self) -> list[LoadedPlugin]:
        there = [one for one in self.installed() if one.kind == "plugin"]
        for name in set(self.load or ()) - {one.name for one in there}:
            plugin_log().warning("FLOWENV_LOAD_PLUGINS names %s, which isn't installed.", name)
        wanted = [one for one in there if self.load is None or one.name in self.load]
        found = [loaded for one in wanted if (loaded := self._load_or_leave_out(one))]
        found += [load_local(name) for name in self.local_plugins]
        # a module that is named twice counts where it is named last
        last = {plugin.module: plugin for plugin in found}
        return [plugin for plugin in found if last[plugin.module] is plugin]

    def _load_or_leave_out(self, one: Installed) -> LoadedPlugin | None:
        try:
            return self.load_plugin(one)
        except RAISED as error:
            self.left_out[one] = error
            plugin_log().warning(
                "The %s is left out: %s: %s", title_of(one), type(error).__name__, error
            )
            return None

    def load_plugin(self, one: Installed) -> LoadedPlugin:
        """Import one installed plugin, for every backend or to see whether it works.

        Raises:
            PluginError: if it doesn't fit, or is required and implements no hook. An exception
                of its own comes as it is.
        """
        owners = [o for o in self.installed() if (o.kind, o.name) == (one.kind, one.name)]
        if len(owners) > 1:
            raise two_owners(owners)
        module = import_hooks(one)
        try_out(module, title_of(one))
        required_by = self.required.get(one.name, "")
        if problem := without_hooks(module, title_of(one)):
            if required_by:  # a policy that does nothing is none
                raise PluginError(problem)
            plugin_log().warning("%s", problem)
        return LoadedPlugin(f"plugin {one.name}", module, required_by)


_registry: Registry | None = None
_registry_lock = threading.RLock()


def registry() -> Registry:
    """The process's registry, made on first use from configuration and environment variables.

    `FLOWENV_PLUGINS` names local plugins, separated by commas. `FLOWENV_LOAD_PLUGINS` names
    the installed plugins to load: unset means all, empty means none.
    `FLOWENV_REQUIRED_PLUGINS` names those that must be loaded.
    """
    global _registry
    if _registry is None:
        with _registry_lock:
            _registry = _registry or _make_registry()
    return _registry


def _make_registry() -> Registry:
    from flowenv.settings.configuration import configuration, names_in_variable, required_plugins

    local = [*configuration().plugins, *names_in_variable("FLOWENV_PLUGINS")]
    chosen = "FLOWENV_LOAD_PLUGINS"
    load = names_in_variable(chosen) if chosen in os.environ else None
    return Registry(local, load, required_plugins())


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
        _registry = Registry((*found.local_plugins, *names), found.load, found.required)


def reset() -> None:
    """Forget the registry, so that the next use makes a fresh one. For tests."""
    global _registry
    _registry = None
