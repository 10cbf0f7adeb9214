"""Options that commands share, and what they mean."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from flowenv.environment import Environment
    from flowenv.flows import Flow
    from flowenv.lifecycle import Prepared

Command = TypeVar("Command", bound=Callable[..., Any])


def _complete_environments(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[str]:
    from flowenv.configuration import configuration
    from flowenv.registry import registry

    names = [*configuration().environments, *registry().backends()]
    return [name for name in names if name.startswith(incomplete)]


env_option = click.option(
    "--env",
    "-e",
    metavar="NAME",
    shell_complete=_complete_environments,
    help="A named environment of the configuration, or a backend. Default: the flow's own.",
)
settings_option = click.option(
    "--set",
    "-s",
    "settings",
    metavar="FIELD=VALUE",
    multiple=True,
    help="A setting of the environment, e.g. -s metadata.image=repo/flow:1. Repeatable.",
)
plugin_option = click.option(
    "--plugin",
    "plugins",
    metavar="P",
    multiple=True,
    help="A module or file with hooks to use besides the installed plugins. Repeatable.",
)


def output_option(*choices: str) -> Callable[[Command], Command]:
    """The `-o` option; the first choice is the default."""
    return click.option(
        "--output",
        "-o",
        type=click.Choice(choices),
        default=choices[0],
        show_default=True,
        help="What to print.",
    )


def target_options(command: Command) -> Command:
    """The argument and options of commands that prepare a run."""
    for option in reversed(
        [
            click.argument("target", metavar="TARGET"),
            env_option,
            settings_option,
            click.option(
                "--param",
                "-p",
                "parameters",
                metavar="PARAM=VALUE",
                multiple=True,
                help="A parameter of the flow, read as its annotation says. Repeatable.",
            ),
            click.option(
                "--label", "labels", metavar="L", multiple=True, help="A label. Repeatable."
            ),
            plugin_option,
        ]
    ):
        command = option(command)
    return command


def prepare_target(
    target: str,
    env: str | None,
    settings: Sequence[str],
    parameters: Sequence[str],
    labels: Sequence[str],
    plugins: Sequence[str],
) -> Prepared:
    """Load the flow and prepare a run as the options say; nothing is sent."""
    from flowenv.lifecycle import prepare
    from flowenv.registry import use_local_plugins

    use_local_plugins(plugins)
    flow = load_flow(target)
    environment = choose_environment(flow, env, settings)
    values = parse_parameters(flow, parameters)
    return prepare(flow, environment=environment, parameters=values, labels=labels)


def load_flow(target: str) -> Flow[..., Any]:
    """Load a target; an exception of the user's own file is shown with its traceback."""
    from flowenv.errors import FlowenvError
    from flowenv.targets import load_target

    try:
        return load_target(target)
    except FlowenvError:
        raise
    except Exception as error:
        from flowenv.container import show_user_traceback

        show_user_traceback(error)
        click.echo(f"Error: {target} can't be loaded.", err=True)
        raise click.exceptions.Exit(1) from error


def split(items: Sequence[str], option: str, form: str) -> dict[str, str]:
    """`NAME=VALUE` items as a dictionary."""
    found = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{item!r} is not {form}.", param_hint=option)
        found[name] = value
    return found


def parse_parameters(flow: Flow[..., Any], items: Sequence[str]) -> dict[str, Any]:
    """The values of `-p`, read as the flow's annotations say.

    Raises:
        ParameterError: naming the parameter and what it expects.
    """
    from flowenv.errors import ParameterError
    from flowenv.values import parse

    values: dict[str, Any] = {}
    for name, text in split(items, "-p", "PARAM=VALUE").items():
        parameter = flow.signature.parameters.get(name)
        annotation = Any if parameter is None else parameter.annotation
        if parameter is not None and annotation is parameter.empty:
            annotation = (
                Any if parameter.default in (None, parameter.empty) else type(parameter.default)
            )
        try:
            values[name] = parse(text, annotation)
        except ValueError as error:
            raise ParameterError(f"-p {name}={text}: {error}.") from error
    return values


def choose_environment(
    flow: Flow[..., Any] | None, env: str | None, settings: Sequence[str]
) -> Environment:
    """The environment that `--env` and `-s` name, else the flow's own.

    Raises:
        ConfigurationError: if a setting is unknown or its value doesn't parse.
    """
    from flowenv.configuration import configuration
    from flowenv.environments import make_environment
    from flowenv.registry import registry

    if env is None and flow is not None and flow.environment is not None:
        if not settings:
            return flow.environment
        changed = parse_settings(type(flow.environment), settings)
        return dataclasses.replace(flow.environment, **changed)  # type: ignore[type-var]
    if not settings:
        return make_environment(env)
    name = env or configuration().environment or "local"
    named = configuration().environments.get(name)
    found = registry().environment_type(named.type if named else name)
    base = named.settings if named else {}
    return make_environment(env, parse_settings(found, settings, base))


def parse_settings(
    environment: type[Environment], items: Sequence[str], base: Any = None
) -> dict[str, Any]:
    """The values of `-s`, read as the settings' annotations say; `a.b=c` sets a key of `a`."""
    from flowenv.environments import read_setting
    from flowenv.errors import ConfigurationError
    from flowenv.settings import nearest, settings_of
    from flowenv.values import parse

    known = {one.name: one for one in settings_of(environment)}
    values: dict[str, Any] = {}
    for path, text in split(items, "-s", "FIELD=VALUE").items():
        name, dot, key = path.partition(".")
        if name not in known:
            if not environment.takes_any_setting:
                raise ConfigurationError(
                    f"-s {path}: {environment.__name__} has no setting {name!r}.",
                    hint=nearest(name, list(known)),
                )
            values[name] = parse(text, Any)
        elif dot:
            before = values.get(name, (base or {}).get(name)) or {}
            values[name] = {**before, key: parse(text, Any)}
        else:
            values[name] = read_setting(known[name], text, f"-s {path}")
    return values


def echo_json(data: Any) -> None:
    """Print data as JSON."""
    import json

    click.echo(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def echo_table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> None:
    """Print rows in aligned columns."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, *rows]:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())
