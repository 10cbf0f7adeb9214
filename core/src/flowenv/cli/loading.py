"""Every installed and local plugin loaded on its own, so that each one's error is known."""

from __future__ import annotations

import dataclasses
import logging
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flowenv
from flowenv.errors import FlowenvError
from flowenv.hooks.backend_hooks import BackendHooks, LoadedPlugin
from flowenv.hooks.checks import NO_HOOKS, implementations
from flowenv.registry.registry import Registry, registry
from flowenv.registry.required_plugins import why_missing
from flowenv.registry.settings_of_plugins import declared_settings
from flowenv.settings.declaration import Setting, settings_of
from flowenv.settings.plugin_settings import PluginSettings, configured_settings

if TYPE_CHECKING:
    from types import ModuleType

    from flowenv.environments.environment import Environment
    from flowenv.registry.discovery import Installed


@dataclass(frozen=True)
class Loaded:
    """What came of loading one plugin.

    Args:
        name: the entry point's name, or the local plugin's module or file.
        kind: `backend`, `plugin` or `local`.
        distribution: the distribution that brings it; empty for a local one.
        version: the distribution's version.
        module: where its hooks are; empty for a local one.
        environment: a backend's environment.
        settings: the class of a plugin's settings, if it declares any.
        hooks: the hooks that it implements.
        error: why it can't be used.
        left_out: True if FLOWENV_LOAD_PLUGINS doesn't name it.
        required: True if nothing is submitted without it.
    """

    name: str
    kind: str
    distribution: str = ""
    version: str = ""
    module: str = ""
    environment: type[Environment] | None = None
    settings: type[PluginSettings] | None = None
    hooks: tuple[str, ...] = ()
    error: BaseException | None = None
    left_out: bool = False
    required: bool = False

    @property
    def problem(self) -> str:
        """Why it can't be used: the error's class and words, and where it came from; or empty."""
        return told(self.error) if self.error else ""

    @property
    def warning(self) -> str:
        """What is odd about a plugin that can be loaded; empty if nothing is."""
        return "" if self.hooks or self.error or self.left_out else NO_HOOKS

    @property
    def places(self) -> list[str]:
        """Where its settings come from, but for defaults; none if something of it is wrong."""
        if not self.settings or self.error:
            return []
        found = [one.place for one in configured_settings(self.settings)]
        return list(dict.fromkeys(place for place in found if place))

    def check_settings(self) -> dict[str, Any]:
        """Check what is configured for it. Raises ConfigurationError if that is wrong."""
        if self.settings:
            self.settings.configured()
        return {}

    def to_json(self) -> dict[str, Any]:
        """The record as plain data, with the environment's abilities and settings."""
        data: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "distribution": self.distribution,
            "version": self.version,
            "module": self.module,
            "type": self.environment.__name__ if self.environment else None,
            "hooks": list(self.hooks),
            "error": self.problem or None,
            "warning": self.warning or None,
            "left_out": self.left_out,
            "required": self.required,
        }
        if self.environment:
            data["capabilities"] = self.environment.capabilities.to_json()
            data["settings"] = [_described(one) for one in settings_of(self.environment)]
        if self.settings:
            data["plugin_settings"] = _configured(self.settings, bool(self.error))
        return data


def _configured(declared: type[PluginSettings], is_wrong: bool) -> list[dict[str, Any]]:
    """A plugin's settings, with their values and who says so unless something of it is wrong."""
    values = {} if is_wrong else {one.name: one for one in configured_settings(declared)}
    found = []
    for one in settings_of(declared):
        data = _described(one)
        if given := values.get(one.name):
            hidden = one.secret and given.value is not None
            data["value"] = "***" if hidden else given.value
            data["place"] = given.place or None
        found.append(data)
    return found


def _described(one: Setting) -> dict[str, Any]:
    from flowenv.settings.annotations import describe

    return {
        "name": one.name,
        "type": describe(one.annotation),
        "default": one.default,
        "help": one.help,
    }


def told(error: BaseException) -> str:
    """An error in words, with the file and the line of what isn't flowenv's own."""
    cause: BaseException = error
    while isinstance(cause, FlowenvError) and cause.__cause__:
        cause = cause.__cause__
    if isinstance(cause, FlowenvError):
        return str(error)
    said = str(error) if error is not cause else f"{type(error).__name__}: {error}"
    place = _place(cause)
    return f"{said} ({place})" if place else said


def _place(error: BaseException) -> str:
    """Where it came from, if that isn't flowenv."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    own = str(Path(flowenv.__file__).parent)
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [one for one in frames if not one.filename.startswith((own, "<frozen"))]
    return f"{theirs[-1].filename}:{theirs[-1].lineno}" if theirs else ""


def load_all(given: Sequence[str] = ()) -> list[Loaded]:
    """Load what is installed, then the local plugins: the configured ones and the given ones.

    Raises:
        ConfigurationError: if the configuration can't be read.
    """
    logging.getLogger("flowenv.plugins").setLevel(logging.ERROR)  # its warnings are in `error`
    configured = registry()
    found = [_installed(one, configured) for one in configured.installed()]
    missing = set(configured.required) - {one.name for one in found if one.kind == "plugin"}
    found += [_required(Loaded(name, "plugin"), configured) for name in sorted(missing)]
    return [*found, *(_local(name) for name in (*configured.local_plugins, *given))]


def _installed(one: Installed, configured: Registry) -> Loaded:
    own = Loaded(one.name, one.kind, one.distribution, one.version, one.module)
    if one.kind == "backend":
        own = _with(own, lambda: _backend(one.name))
        return _with(own, own.check_settings)
    if configured.load is not None and one.name not in configured.load:
        own = dataclasses.replace(own, left_out=True)
    else:
        own = _with(own, lambda: _plugin(Registry().load_plugin(one)))
        own = _with(own, own.check_settings)
    return _required(own, configured) if one.name in configured.required else own


def _required(own: Loaded, configured: Registry) -> Loaded:
    """A required plugin, and what is wrong if it isn't loaded."""
    installed_only = Registry(load=configured.load, required=configured.required)
    error = why_missing(own.name, installed_only)
    return dataclasses.replace(own, required=True, error=error)


def _local(name: str) -> Loaded:
    own = _with(Loaded(name, "local"), lambda: _local_plugin(name))
    return _with(own, own.check_settings)


def _with(own: Loaded, load: Callable[[], dict[str, Any]]) -> Loaded:
    try:
        return dataclasses.replace(own, **load())
    except (Exception, SystemExit) as error:  # also what a plugin raises while it is imported
        return dataclasses.replace(own, error=error)


def _backend(name: str) -> dict[str, Any]:
    alone = Registry(load=())
    environment = alone.environment_type(name)
    module = alone.hooks(name).manager.get_plugin(f"backend {name}")
    assert module
    settings = next(declared_settings(alone.hooks(name)), None)
    return {"environment": environment, "settings": settings, "hooks": _hooks_in(module)}


def _local_plugin(name: str) -> dict[str, Any]:
    return _plugin(Registry((name,), load=()).plugins()[0])


def _plugin(plugin: LoadedPlugin) -> dict[str, Any]:
    hooks = BackendHooks("none", None, [plugin])
    return {
        "settings": next(declared_settings(hooks), None),
        "hooks": _hooks_in(plugin.module),
    }


def _hooks_in(module: ModuleType) -> tuple[str, ...]:
    return tuple(sorted(hook for hook, _ in implementations(module)))
