"""Making environments by name: a backend, or a named environment of the configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from flowenv.environments.environment import Environment
from flowenv.errors import BackendNotFound, ConfigurationError, SettingError
from flowenv.registry.registry import registry
from flowenv.settings.annotations import describe, fits
from flowenv.settings.configuration import NamedEnvironment, configuration
from flowenv.settings.declaration import Setting, closest, nearest, settings_of


def make_environment(
    name: str | None = None, settings: Mapping[str, Any] | None = None
) -> Environment:
    """Make an environment.

    Args:
        name: a named environment of the configuration, or a backend; by default the
            configured `environment`, else `local`.
        settings: settings that win over the configured ones.

    Raises:
        BackendNotFound: if nothing has that name.
        ConfigurationError: if a setting is unknown or has the wrong type.

    >>> from flowenv import make_environment
    >>> make_environment("local", {"labels": ["nightly"]})
    LocalEnvironment(labels=['nightly'])
    """
    found, named = find_type(name)
    configured = _checked(found, named) if named else {}
    given = dict(settings or {})
    known = [one.name for one in settings_of(found)]
    takes_any = found.takes_any_setting
    for setting in given:
        if setting not in known and not takes_any:
            raise ConfigurationError(
                f"{found.__name__} has no setting {setting!r}.", hint=nearest(setting, known)
            )
    try:
        made = found(**{**configured, **given})
    except SettingError:
        raise
    except TypeError as error:  # a setting without a default is missing
        name = name or default_name()
        raise ConfigurationError(f"The environment {name} can't be made: {error}.") from error
    made.configured_as = named.name if named else ""
    return made


def as_environment(environment: object) -> Environment:
    """The environment itself, or the one of that name; for None the default one.

    Raises:
        BackendNotFound: if nothing has that name.
        SettingError: if it is neither an Environment nor a name.
    """
    if environment is None or isinstance(environment, str):
        return make_environment(environment)
    if not isinstance(environment, Environment):
        raise SettingError(
            f"environment must be a flowenv Environment, not {type(environment).__name__}.",
            hint="Make one, such as LocalEnvironment(), or give the name of a configured one.",
        )
    return environment


def find_type(name: str | None) -> tuple[type[Environment], NamedEnvironment | None]:
    """What a name stands for: the environment's class, and what is configured of it, if anything.

    Args:
        name: as `make_environment` takes it.

    Raises:
        BackendNotFound: if nothing has that name.
    """
    is_default = not name
    name = name or default_name()
    named = configuration().environments.get(name)
    if named is None and name not in registry().backends():
        _fail_unknown(name, is_default)
    return _type_of(named) if named else registry().environment_type(name), named


def default_name() -> str:
    """The environment of those who name none."""
    return configuration().environment or "local"


def default_place() -> str:
    """Who says which environment that is: a variable, or file and line; empty if nobody does."""
    if not configuration().environment:
        return ""
    if "FLOWENV_ENVIRONMENT" in os.environ:
        return "FLOWENV_ENVIRONMENT"
    return configuration().place("environment")


def _type_of(named: NamedEnvironment) -> type[Environment]:
    try:
        return registry().environment_type(named.type)
    except BackendNotFound as error:
        raise BackendNotFound(f"{named.place}: {error.message}", hint=error.hint) from None


def _fail_unknown(name: str, is_default: bool) -> None:
    place = f"{default_place()}: " if is_default and default_place() else ""
    names = configuration().environments
    try:
        registry().hooks(name)
    except BackendNotFound as error:
        configured = f" Named environments: {', '.join(names)}." if names else ""
        hint = f"Did you mean {close!r}?" if (close := closest(name, names)) else error.hint
        raise BackendNotFound(place + error.message + configured, hint=hint) from None


def _checked(found: type[Environment], named: NamedEnvironment) -> dict[str, Any]:
    """The configured settings, checked with file and line."""
    known = {one.name: one for one in settings_of(found)}
    takes_any = found.takes_any_setting
    values = {}
    for key, value in named.settings.items():
        place = configuration().place("environments", named.name, key)
        if key not in known and not takes_any:
            raise ConfigurationError(
                f"{place}: {found.__name__} has no setting {key!r}.", hint=nearest(key, known)
            )
        if key in known:
            value = load_setting(value, known[key], place)
            if known[key].is_path and value is not None:
                value = str(configuration().beside(value))
        values[key] = value
    return values


def _is_callback(known: Setting) -> bool:
    """True for `on_start` and the like, but not for a choice such as `on_mismatch`."""
    return known.name.startswith("on_") and fits(len, known.annotation)


def load_setting(value: Any, known: Setting, place: str) -> Any:
    """A TOML value as the setting wants it; executors and functions come by name.

    Raises:
        ConfigurationError: if it doesn't fit.
    """
    if fits(value, known.annotation):
        return value
    if known.name == "executor":
        return _executor(value, place)
    if isinstance(value, str) and _is_callback(known):
        return _function(value, known, place)
    shown = type(value).__name__ if known.secret else repr(value)
    wanted = describe(known.annotation)
    message = f"{place}: {known.name} must be {wanted}, not {shown}."
    raise ConfigurationError(message, hint=known.reminder)


def _function(dotted: str, known: Setting, place: str) -> Any:
    from flowenv.executors.classes import load_class

    try:
        found = load_class(dotted)
    except SettingError as error:
        raise ConfigurationError(f"{place}: {error.message}", hint=error.hint) from error
    if not callable(found):
        raise ConfigurationError(f"{place}: {known.name} names {dotted}, which is no function.")
    return found


def _executor(value: Any, place: str) -> Any:
    """`executor = "LocalDaskExecutor"` or `{type = "DaskExecutor", address = "…"}`."""
    from flowenv.executors.by_name import make_executor

    table = {"type": value} if isinstance(value, str) else value
    name = table.get("type") if isinstance(table, dict) else None
    if not isinstance(name, str):
        raise ConfigurationError(f"{place}: executor must name its type.")
    settings = {key: one for key, one in table.items() if key != "type"}
    try:
        return make_executor(name, settings)
    except SettingError as error:
        raise ConfigurationError(f"{place}: {error.message}", hint=error.hint) from error


def read_setting(known: Setting, text: str, place: str) -> Any:
    """A setting's value from a text of the command line.

    Args:
        known: the setting.
        text: what the user typed.
        place: where it was typed, for the message.

    Raises:
        ConfigurationError: if the text doesn't parse.
    """
    import json

    from flowenv.settings.values import parse

    if known.name == "executor" or _is_callback(known):
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        return load_setting(value, known, place)
    try:
        return parse(text, known.annotation)
    except ValueError as error:
        shown = "***" if known.secret else text
        raise ConfigurationError(f"{place}={shown}: {error}.", hint=known.reminder) from error
