"""The settings that plugins declare, checked before anything is submitted."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Mapping

from flowenv.errors import ConfigurationError, PluginError
from flowenv.hooks.backend_hooks import BackendHooks
from flowenv.hooks.plugin_log import plugin_log
from flowenv.registry.discovery import Installed
from flowenv.registry.registry import Registry
from flowenv.settings.configuration import configuration
from flowenv.settings.declaration import closest, nearest, settings_of
from flowenv.settings.plugin_settings import PREFIX, TABLE, PluginSettings, variable_of

HOOK = "flowenv_plugin_settings"


def declared_settings(hooks: BackendHooks) -> Iterator[type[PluginSettings]]:
    """The settings that a backend and the plugins declare.

    Raises:
        PluginError: if somebody gives anything else, or two have one name.
    """
    owners: dict[str, str] = {}
    for owner, call in hooks.each(HOOK):
        if (declared := checked(call(), owner, hooks.with_entry_points)) is None:
            continue
        if first := owners.get(declared.plugin):
            raise PluginError(
                f"{first} and {owner} both have settings with the name {declared.plugin!r}.",
                hint=f"Give {declared.__name__}.plugin another name.",
            )
        owners[declared.plugin] = owner
        yield declared


def checked(given: object, owner: str, entry_points: Iterable[str]) -> type[PluginSettings] | None:
    """What a plugin gives as the class of its settings, if it is one.

    Args:
        given: what its hook gave.
        owner: `plugin acme`, `backend ssh`, or a local plugin's module or file.
        entry_points: who has an entry point, so that its name is known.

    Raises:
        PluginError: naming the plugin, if it isn't.
    """
    if given is None:
        return None
    if not (isinstance(given, type) and issubclass(given, PluginSettings)):
        raise PluginError(
            f"{owner} gives {given!r} in {HOOK}.",
            hint="It returns a dataclass that is a subclass of flowenv.plugin.PluginSettings.",
        )
    if "__dataclass_fields__" not in vars(given):
        raise PluginError(f"{owner}: {given.__name__} lacks @dataclasses.dataclass.")
    if not given.plugin:
        raise PluginError(f'{owner}: {given.__name__} has no name; write plugin = "NAME".')
    if owner in entry_points and given.plugin != owner.partition(" ")[2]:
        raise PluginError(
            f"{given.__name__}.plugin is {given.plugin!r}, but its entry point is named "
            f"{owner.partition(' ')[2]!r}.",
            hint="Give both the same name.",
        )
    return given


def check_plugin_settings(hooks: BackendHooks, registry: Registry) -> None:
    """Check everything that is configured for plugins, before anything is built.

    Raises:
        ConfigurationError: if a setting is unknown, doesn't fit or is missing, or nobody has it.
        PluginError: if a plugin declares none as it should.
    """
    declared = list(declared_settings(hooks))
    loaded = [plugin.name.removeprefix("plugin ") for plugin in registry.plugins()]
    for words in check_names(declared, loaded, registry.installed()):
        _warn_once(words)
    for one in declared:
        one.configured()


@functools.cache
def _warn_once(words: str) -> None:
    plugin_log().warning("%s", words)


def check_names(
    settings: Iterable[type[PluginSettings]],
    loaded: Iterable[str],
    installed: Iterable[Installed],
) -> list[str]:
    """Check that each `[plugin.NAME]` is somebody's, and each variable one of their settings'.

    Args:
        settings: what is declared.
        loaded: the names of the plugins that are loaded.
        installed: who else is there; what isn't loaded may have settings.

    Returns:
        A sentence for each table of a plugin that isn't there: not every machine has all.

    Raises:
        ConfigurationError: naming the table or the variable, and the nearest right name.
    """
    missing = []
    declared = {one.plugin: one for one in settings}
    _check_variables(declared)
    for name in sorted(configuration().plugin.keys() - set(declared)):
        place = configuration().place(TABLE, name)
        if name in loaded:
            raise ConfigurationError(f"{place}: the plugin {name} has no settings.")
        there = {one.name for one in installed}
        if name in there:
            continue
        words = f"{place}: no plugin {name!r} is installed."
        if near := closest(name, {*declared, *there}):
            raise ConfigurationError(words, hint=f"Did you mean {near!r}?")
        missing.append(words)
    return missing


def _check_variables(declared: Mapping[str, type[PluginSettings]]) -> None:
    """Check that each variable of a plugin is one of its settings'."""
    prefixes = {variable_of(name): one for name, one in declared.items()}
    for variable in sorted(name for name in os.environ if name.startswith(PREFIX)):
        meant = max((one for one in prefixes if variable.startswith(one)), key=len, default="")
        if meant:
            known = {meant + one.name.upper() for one in settings_of(prefixes[meant])}
            if variable not in known:
                raise ConfigurationError(
                    f"The plugin {prefixes[meant].plugin} has no setting for {variable}.",
                    hint=nearest(variable, known),
                )
