"""Variables that users set: for all runs, for those of one environment, for one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowenv import contract
from flowenv.errors import ConfigurationError
from flowenv.settings.configuration import configuration
from flowenv.settings.secrets import secret_variables
from flowenv.settings.set_variables import VARIABLE_KEYS, split_variables, wrong_variable

if TYPE_CHECKING:
    from flowenv.environments.environment import Environment
    from flowenv.runs.flow_run import FlowRun
    from flowenv.runs.identity import RunHooks
    from flowenv.secret import Secret

_RUNS_OWN = frozenset({contract.FLOW_RUN_ID, contract.IMAGE, contract.NAMESPACE})


@dataclass(frozen=True)
class ConfiguredVariables:
    """Variables from one place.

    Args:
        layer: the place, as `flowenv explain` names it.
        plain: those that are texts.
        secret: those that are secrets: `{secret = …}`, `{file = …}`, `{reference = …}`.
        place_of: where a variable is set, for messages.
        folder: what the names of files are relative to.
    """

    layer: str
    plain: Mapping[str, str] = field(default_factory=dict)
    secret: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    place_of: Callable[[str], str] = str
    folder: Path = Path()

    def secrets(self, hooks: RunHooks, *, is_preview: bool = False) -> Mapping[str, Secret]:
        """The values of those that are secrets.

        Args:
            hooks: who may have them.
            is_preview: True if the run is only shown.

        Raises:
            ConfigurationError: if one isn't there.
        """

        def find(name: str) -> Secret | None:
            return hooks.find_secret(name, is_preview=is_preview)[0]

        return secret_variables(self.secret, find, self.place_of, self.folder)


def configured_secrets(hooks: RunHooks, *, is_preview: bool = False) -> Mapping[str, Secret]:
    """The variables of `[env]` that are secrets.

    Args:
        hooks: who may have them.
        is_preview: True if the run is only shown.

    Raises:
        ConfigurationError: if one isn't there.
    """
    found = configuration()
    folder = found.path.parent if found.path else Path()
    place_of = lambda name: found.place("env", name)  # noqa: E731
    return ConfiguredVariables("", {}, found.secret_env, place_of, folder).secrets(
        hooks, is_preview=is_preview
    )


def of_environment(environment: Environment) -> ConfiguredVariables:
    """The variables of `[environments.NAME.env]`, if the environment comes from there."""
    found, name = configuration(), environment.configured_as
    named = found.environments.get(name) if name else None
    if named is None or not named.env:
        return ConfiguredVariables("configuration")
    plain, secret = split_variables(named.env)
    return ConfiguredVariables(
        f"configuration of {name}",
        plain,
        secret,
        lambda variable: found.place("environments", name, "env", variable),
        found.path.parent if found.path else Path(),
    )


def of_run(run: FlowRun) -> ConfiguredVariables:
    """The variables that were given for one run."""
    plain, secret = split_variables(run.variables)
    return ConfiguredVariables("this run", plain, secret, lambda name: f"The variable {name}")


def checked_variables(given: Mapping[str, Any]) -> dict[str, Any]:
    """Variables for one run, if they are some.

    Raises:
        ConfigurationError: naming the one that is wrong; its value isn't shown.
    """
    for name, value in given.items():
        if wrong := wrong_variable(str(name), value):
            raise ConfigurationError(f"The variable {name} {wrong}.".replace("..", "."))
        if name == contract.AUTH_TOKEN:
            raise ConfigurationError(
                f"{name} is a secret, and no variable of one run.",
                hint="Set auth_token in [secrets].",
            )
        if name in _RUNS_OWN or name.startswith("FLOWENV_PAYLOAD"):
            raise ConfigurationError(
                f"The variable {name} is each run's own and can't be set.",
                hint="The image and the namespace are settings of the environment.",
            )
    return dict(given)


def read_variable(name: str, text: str) -> Any:
    """A variable's value as it is typed: a text, or `{secret = "name"}` and its like.

    Args:
        name: the variable's name.
        text: what was typed.

    Raises:
        ConfigurationError: if it looks like such a table and is none; it isn't shown.

    >>> read_variable("REGION", "eu-west-1")
    'eu-west-1'
    >>> read_variable("PASSWORD", '{secret = "db/password"}')
    {'secret': 'db/password'}
    """
    import re
    import tomllib

    if not re.match(r"""\s*\{\s*["']?[\w.-]+["']?\s*=""", text):
        return text  # also JSON, a template: as it is
    try:
        table = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        table = {}
    if len(table) == 1 and table.keys() <= VARIABLE_KEYS:
        (value,) = table.values()
        if value and isinstance(value, str):
            return table
    raise ConfigurationError(
        f"The variable {name} is no {{secret = …}}, {{file = …}} or {{reference = …}}.",
        hint=f"Its value is a text in double quotes, and single quotes keep the shell from it: "
        f"--variable '{name}={{secret = \"name\"}}'",
    )
