"""`[plugin.NAME]` in the configuration: what a plugin lets its users set."""

from __future__ import annotations

import dataclasses
import os
import re
from typing import Any, ClassVar, Self

from flowenv.errors import ConfigurationError, SettingError
from flowenv.settings.annotations import describe, fits
from flowenv.settings.configuration import configuration
from flowenv.settings.declaration import Setting, nearest, settings_of
from flowenv.settings.values import parse

TABLE = "plugin"
PREFIX = "FLOWENV_PLUGIN_"


@dataclasses.dataclass
class PluginSettings:
    """What users can set for a plugin, in `[plugin.NAME]` or by variables.

    A subclass is a dataclass whose fields are declared with `setting()`; the hook
    `flowenv_plugin_settings` gives it to flowenv, which checks it before anything is submitted. A
    field whose default isn't of its type has to be set.

    Attributes:
        plugin: the plugin's name: its entry point's, or any for a local plugin.

    >>> import dataclasses
    >>> from flowenv.plugin import PluginSettings, setting
    >>> @dataclasses.dataclass
    ... class ChatSettings(PluginSettings):
    ...     plugin = "chat"
    ...     room: str = setting("runs", help="The room that is told.")
    >>> ChatSettings.configured()
    ChatSettings(room='runs')
    """

    plugin: ClassVar[str] = ""

    @classmethod
    def configured(cls) -> Self:
        """The settings as they are configured: `FLOWENV_PLUGIN_NAME_FIELD`, else the file's.

        Raises:
            ConfigurationError: if one is unknown, isn't set but has to be, or doesn't fit; with
                file and line, or the variable.
        """
        values = {one.name: one.value for one in configured_settings(cls)}
        try:
            return cls(**values)
        except SettingError as error:  # of the plugin's own
            place = configuration().place(TABLE, cls.plugin)
            raise ConfigurationError(f"{place}: {error.message}", hint=error.hint) from error


@dataclasses.dataclass(frozen=True)
class ConfiguredSetting:
    """The value of a plugin's setting, and who says so.

    Args:
        name: the setting's name.
        value: its value.
        place: file and line, or the variable; empty for a default.
    """

    name: str
    value: Any = dataclasses.field(repr=False)
    place: str = ""


def variable_of(plugin: str, name: str = "") -> str:
    """The variable that sets a plugin's setting.

    >>> variable_of("acme-chat", "room")
    'FLOWENV_PLUGIN_ACME_CHAT_ROOM'
    """
    return PREFIX + re.sub(r"\W", "_", f"{plugin}_{name}").upper()


def configured_settings(declared: type[PluginSettings]) -> list[ConfiguredSetting]:
    """Each setting of a plugin with its value and where that comes from.

    Raises:
        ConfigurationError: as `PluginSettings.configured` does.
    """
    known = {one.name: one for one in settings_of(declared)}
    table = configuration().plugin.get(declared.plugin, {})
    for key in table:
        if key not in known:
            raise ConfigurationError(
                f"{configuration().place(TABLE, declared.plugin, key)}: the plugin "
                f"{declared.plugin} has no setting {key!r}.",
                hint=nearest(key, known),
            )
    return [_configured(declared.plugin, one, table) for one in known.values()]


def _configured(plugin: str, known: Setting, table: Any) -> ConfiguredSetting:
    variable = variable_of(plugin, known.name)
    if (text := os.environ.get(variable)) is not None:
        return ConfiguredSetting(known.name, _parsed(text, known, variable), variable)
    if known.name in table:
        place = configuration().place(TABLE, plugin, known.name)
        value = _fitting(table[known.name], known, place)
        if known.is_path and isinstance(value, str):
            value = str(configuration().beside(value))
        return ConfiguredSetting(known.name, value, place)
    if not fits(known.default, known.annotation):
        raise ConfigurationError(
            f"The plugin {plugin} needs its setting {known.name!r}: {known.help}",
            hint=f"Set it in [{TABLE}.{plugin}] of the configuration, or as {variable}.",
        )
    return ConfiguredSetting(known.name, known.default)


def _parsed(text: str, known: Setting, variable: str) -> Any:
    try:
        return parse(text, known.annotation)
    except ValueError as error:
        shown = "***" if known.secret else text
        raise ConfigurationError(f"{variable}={shown}: {error}.") from error


def _fitting(value: Any, known: Setting, place: str) -> Any:
    if fits(value, known.annotation):
        return value
    shown = type(value).__name__ if known.secret else repr(value)
    wanted = describe(known.annotation)
    raise ConfigurationError(f"{place}: {known.name} must be {wanted}, not {shown}.")
