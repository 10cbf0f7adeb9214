"""Configuration: `flowenv.toml`, or `[tool.flowenv]` in `pyproject.toml`, and variables.

The nearest file from the working directory upwards is read, or the one that
`FLOWENV_CONFIG` names. Environment variables win over the file. As the file can name code to
run, one that is found counts only if nobody else can have written it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn

from flowenv.contract import CONFIGURABLE
from flowenv.errors import ConfigurationError
from flowenv.settings.annotations import describe, fits
from flowenv.settings.declaration import nearest
from flowenv.settings.set_variables import split_variables, wrong_variable
from flowenv.settings.toml_source import TomlSource
from flowenv.settings.trust import folders_to_search, writable_by_others

_TYPES: dict[str, Any] = {
    "plugins": list[str],
    "required_plugins": list[str],
    "env": dict[str, str | dict[str, str]],
    "secrets": dict[str, str | dict[str, str]],
    "environments": dict[str, dict[str, Any]],
    "plugin": dict[str, dict[str, Any]],
    "environment": str,
    "image": str,
    "results_url": str,
    "payload_url": str,
    "allow_pickle": bool,
    "submitter": str,
    "show_parameters": bool,
    "journal": bool,
    "runtime": Literal["shipped", "image"],
}
_KEPT_OUT = {"env", "secrets", "environments", "plugin"}
"""Tables whose values no error shows: there can be secrets among them."""
_SECRET_KEYS = {"env", "file", "reference"}
_FROM_VARIABLES = ("environment", "image", "results_url", "payload_url", "runtime")


@dataclass(frozen=True)
class NamedEnvironment:
    """One `[environments.NAME]` table.

    Args:
        name: its name.
        type: the backend.
        settings: the environment's settings.
        place: file and line, for messages.
        env: variables for the containers of its runs, as `[env]` has them: texts and tables.
    """

    name: str
    type: str
    settings: Mapping[str, Any] = field(repr=False)  # there can be secrets among them
    place: str = ""
    env: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Configuration:
    """What is configured.

    Args:
        path: the file it was read from; None if there is none.
        plugins: local plugins, modules or files; files are relative to the file's folder.
        required_plugins: names of the installed plugins without which nothing is submitted.
        env: variables for every container; contract variables are set by their names.
        secret_env: variables for every container that are secrets: `{secret = "name"}`,
            `{file = "path"}` or `{reference = "arn:…"}`.
        secrets: named secrets: a text, `{env = "NAME"}`, `{file = "path"}`, or
            `{reference = "arn:…"}` for one that the platform resolves.
        environments: named environments.
        plugin: the settings of plugins, by the plugin's name.
        environment: the name of the environment (or backend) to use by default.
        image: the container image where neither environment nor flow name one.
        results_url: where results go that don't fit into the outcome record.
        payload_url: where payloads go that don't fit into the platform.
        allow_pickle: whether stored results are read that aren't only data.
        runtime: `shipped` or `image`: where a run's flowenv comes from.
        submitter: whom runs are marked with; None for `user@host`, empty for nobody.
        show_parameters: whether runs are marked with their parameters, shortened.
        journal: whether this machine remembers the runs that it submits.
    """

    path: Path | None = None
    plugins: tuple[str, ...] = ()
    required_plugins: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret_env: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)
    environments: Mapping[str, NamedEnvironment] = field(default_factory=dict)
    plugin: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    environment: str | None = None
    image: str | None = None
    results_url: str | None = None
    payload_url: str | None = None
    allow_pickle: bool = False
    runtime: str | None = None
    submitter: str | None = None
    show_parameters: bool = True
    journal: bool = True

    @property
    def variables(self) -> dict[str, str]:
        """`env`, and over it the contract variables that are set in this process now."""
        return {**self.env, **contract_variables_here()}

    def place(self, *keys: str) -> str:
        """File and line of a key, for messages."""
        return TomlSource.read(self.path).place(*keys) if self.path else "the configuration"

    def beside(self, file: str) -> Path:
        """A file that the configuration names: it is relative to the configuration's folder."""
        assert self.path
        return self.path.parent / Path(file).expanduser()


def contract_variables_here() -> dict[str, str]:
    """The contract's variables that are set in this process, but for run id, image and token.

    They count as configured: a flow that submits another hands them on.
    """
    return {name: os.environ[name] for name in sorted(CONFIGURABLE) if name in os.environ}


@functools.cache
def configuration() -> Configuration:
    """The configuration of this process, read once; `configuration.cache_clear()` forgets it.

    Raises:
        ConfigurationError: with file, line and the nearest right name.
    """
    path = _find()
    document = TomlSource.read(path).document() if path else {}
    found = _build(document, path)
    from_variables = {
        name: value or None  # set but empty: there is none, whatever the file says
        for name in _FROM_VARIABLES
        if (value := os.environ.get(f"FLOWENV_{name.upper()}")) is not None
    }
    if not from_variables:
        return found
    if not fits(runtime := from_variables.get("runtime"), _TYPES["runtime"] | None):
        raise ConfigurationError(
            f"FLOWENV_RUNTIME must be {describe(_TYPES['runtime'])}, not {runtime!r}."
        )
    import dataclasses

    return dataclasses.replace(found, **from_variables)  # type: ignore[arg-type]


def _find() -> Path | None:
    if named := os.environ.get("FLOWENV_CONFIG"):
        path = Path(named)
        if not path.is_file():
            raise ConfigurationError(f"FLOWENV_CONFIG names {named}, which is no file.")
        return path
    return next((path for path in _candidates() if _is_trusted(path)), None)


def _candidates() -> Iterator[Path]:
    """The configuration files from the working directory upwards, the nearest first."""
    for folder in folders_to_search(Path.cwd()):
        if (path := folder / "flowenv.toml").is_file():
            yield path
        path = folder / "pyproject.toml"
        if path.is_file() and b"[tool.flowenv" in path.read_bytes():
            yield path


def _is_trusted(path: Path) -> bool:
    if problem := writable_by_others(path):
        import logging  # seldom needed, and every command reads the configuration

        logging.getLogger("flowenv").warning(
            "%s is skipped: %s. If it is to be read all the same, set FLOWENV_CONFIG to it.",
            path,
            problem,
        )
    return not problem


def _build(document: Mapping[str, Any], path: Path | None) -> Configuration:
    if path is None:
        return Configuration()
    source = TomlSource.read(path)
    for key, value in document.items():
        if key not in _TYPES:
            source.fail(f"unknown key {key!r}. {nearest(key, list(_TYPES))}", key)
        if not fits(value, _TYPES[key]):
            _fail_at_item(source, key, value)
    _check_variables(source, document.get("env", {}), "env")
    environments = {
        name: _named(source, name, dict(table))
        for name, table in document.get("environments", {}).items()
    }
    for name, secret in document.get("secrets", {}).items():
        if isinstance(secret, dict) and (len(secret) != 1 or not secret.keys() <= _SECRET_KEYS):
            message = (
                f"secret {name!r} must be a string, {{env = …}}, {{file = …}} or {{reference = …}}"
            )
            source.fail(message, "secrets", name)
    plain = {key: value for key, value in document.items() if key != "environments"}
    env = document.get("env", {})
    plain["env"], plain["secret_env"] = split_variables(env)
    plain["plugins"] = tuple(_beside(path, name) for name in document.get("plugins", []))
    plain["required_plugins"] = tuple(document.get("required_plugins", []))
    for name in plain["plugins"]:
        if name.endswith(".py") and not Path(name).is_file():
            source.fail(f"there is no file {name}", "plugins")
    return Configuration(path=path, environments=environments, **plain)


def _check_variables(source: TomlSource, env: Mapping[str, Any], *where: str) -> None:
    for name, value in env.items():
        if wrong := wrong_variable(name, value):
            source.fail(f"{'.'.join((*where, name))} {wrong}", *where, name)


def _fail_at_item(source: TomlSource, key: str, value: object) -> NoReturn:
    item = (getattr(_TYPES[key], "__args__", None) or (Any,))[-1]
    plain = str if key == "env" else item  # what a secret may be is said where one is wrong
    if isinstance(value, dict):
        for name, one in value.items():
            if not fits(one, item):
                shown = type(one).__name__ if key in _KEPT_OUT else repr(one)
                source.fail(f"{key}.{name} must be {describe(plain)}, not {shown}", key, name)
    shown = type(value).__name__ if key in _KEPT_OUT else repr(value)
    source.fail(f"{key} must be {describe(_TYPES[key])}, not {shown}", key)


def _named(source: TomlSource, name: str, table: dict[str, Any]) -> NamedEnvironment:
    kind = table.pop("type", None)
    if not isinstance(kind, str):
        source.fail(
            f'the environment {name!r} has no type, such as type = "local"', "environments", name
        )
    env = table.pop("env", {})
    where = ("environments", name, "env")
    if not isinstance(env, dict):
        source.fail(f"{'.'.join(where)} must be a table of variables", *where)
    _check_variables(source, env, *where)
    return NamedEnvironment(name, kind, table, source.place("environments", name), env)


def _beside(path: Path, plugin: str) -> str:
    """A plugin's file is relative to the configuration's folder, a module is a module."""
    if plugin.endswith(".py") or "/" in plugin:
        return str(path.parent / plugin)
    return plugin


def names_in_variable(variable: str) -> list[str]:
    """The names in an environment variable, separated by commas; none if it isn't set."""
    return [part.strip() for part in os.environ.get(variable, "").split(",") if part.strip()]


def required_plugins() -> dict[str, str]:
    """The names of the required plugins, and who requires each: the variable, or a file's line.

    Raises:
        ConfigurationError: if the configuration can't be read.
    """
    found, variable = configuration(), "FLOWENV_REQUIRED_PLUGINS"
    place = found.place("required_plugins")
    return {
        **dict.fromkeys(found.required_plugins, place),
        **dict.fromkeys(names_in_variable(variable), variable),
    }
