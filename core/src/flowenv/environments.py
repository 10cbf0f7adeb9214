"""Making environments by name: a backend, or a named environment of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowenv.configuration import NamedEnvironment, configuration
from flowenv.environment import Environment
from flowenv.errors import BackendNotFound, ConfigurationError
from flowenv.registry import registry
from flowenv.settings import nearest, settings_of
from flowenv.values import describe, fits


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
    name = name or configuration().environment or "local"
    named = configuration().environments.get(name)
    if named is None and name not in registry().backends():
        _fail_unknown(name)
    backend = named.type if named else name
    found = registry().environment_type(backend)
    configured = _checked(found, named) if named else {}
    given = dict(settings or {})
    known = [one.name for one in settings_of(found)]
    takes_any = found.takes_any_setting
    for setting in given:
        if setting not in known and not takes_any:
            raise ConfigurationError(
                f"{found.__name__} has no setting {setting!r}.", hint=nearest(setting, known)
            )
    return found(**{**configured, **given})


def _fail_unknown(name: str) -> None:
    names = configuration().environments
    try:
        registry().hooks(name)
    except BackendNotFound as error:
        configured = f" Named environments: {', '.join(names)}." if names else ""
        raise BackendNotFound(error.message + configured, hint=error.hint) from None


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
            value = _loaded(value, known[key].annotation, place, key)
        values[key] = value
    return values


def _loaded(value: Any, annotation: Any, place: str, key: str) -> Any:
    """A TOML value as the setting wants it; executors and functions come by name."""
    if fits(value, annotation):
        return value
    if key == "executor":
        return _executor(value, place)
    if isinstance(value, str) and key.startswith("on_"):
        from flowenv.executors.dask import load_class

        return load_class(value)
    raise ConfigurationError(f"{place}: {key} must be {describe(annotation)}, not {value!r}.")


def _executor(value: Any, place: str) -> Any:
    """`executor = "LocalDaskExecutor"` or `{type = "DaskExecutor", address = "…"}`."""
    from flowenv import executors
    from flowenv.executors.dask import load_class

    table = {"type": value} if isinstance(value, str) else dict(value)
    name = table.pop("type", None)
    if not isinstance(name, str):
        raise ConfigurationError(f"{place}: executor must name its type.")
    known = [n for n in executors.__all__ if n.endswith("Executor") and n != "Executor"]
    if "." not in name and name not in known:
        raise ConfigurationError(f"{place}: no executor {name!r}.", hint=nearest(name, known))
    found = load_class(name) if "." in name else getattr(executors, name)
    try:
        return found(**table)
    except TypeError as error:
        raise ConfigurationError(f"{place}: {error}") from error


def read_setting(name: str, text: str, annotation: Any, place: str) -> Any:
    """A setting's value from a text of the command line.

    Args:
        name: the setting.
        text: what the user typed.
        annotation: the setting's annotation.
        place: where it was typed, for the message.

    Raises:
        ConfigurationError: if the text doesn't parse.
    """
    import json

    from flowenv.values import parse

    if name == "executor" or name.startswith("on_"):
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        return _loaded(value, annotation, place, name)
    try:
        return parse(text, annotation)
    except ValueError as error:
        raise ConfigurationError(f"{place}={text}: {error}.") from error
