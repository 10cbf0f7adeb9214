"""From what was typed to a flow, an environment, parameters, and a run that is ready."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowenv.environments.environment import Environment
    from flowenv.flows.definition import Flow
    from flowenv.runs.flow_run import FlowRun
    from flowenv.submission.prepared import Prepared


def prepare_run(
    target: str,
    env: str | None,
    settings: Sequence[str],
    parameters: Sequence[str],
    labels: Sequence[str],
    plugins: Sequence[str],
    variables: Sequence[str] = (),
    is_preview: bool = False,
) -> Prepared:
    """Load the flow and prepare a run as the options say; nothing is sent."""
    from flowenv.submission.lifecycle import prepare

    flow, environment, values = prepare_flow(target, env, settings, parameters, plugins)
    _say_where_a_module_is(flow, target, environment)
    return prepare(
        flow,
        environment=environment,
        parameters=values,
        labels=labels,
        variables=parse_variables(variables),
        is_preview=is_preview,
    )


def prepare_flow(
    target: str,
    env: str | None,
    settings: Sequence[str],
    parameters: Sequence[str],
    plugins: Sequence[str],
) -> tuple[Flow[..., Any], Environment, dict[str, Any]]:
    """The flow, the environment and the parameters that the options name."""
    from flowenv.registry.registry import use_local_plugins

    use_local_plugins(plugins)
    flow = load_flow(target)
    environment = choose_environment(flow, env, settings)
    return flow, environment, parse_parameters(flow, parameters)


def _say_where_a_module_is(flow: Flow[..., Any], target: str, environment: Environment) -> None:
    """A flow that is named by its module isn't shipped: say so of one that is only a file here."""
    from flowenv.cli.output.printing import echo

    file, name = f"{target.partition(':')[0]}.py", target.partition(":")[2]
    if flow.code != "module" or not environment.capabilities.image or not _is_file_here(file):
        return
    named = f"{file}:{name}" if name else file
    echo(
        f"The module {file[:-3]} has to be in the image; as a file it is shipped: "
        f"flowenv run {named}",
        err=True,
    )


def _is_file_here(file: str) -> bool:
    from pathlib import Path

    return Path(file).is_file()


def parse_variables(items: Sequence[str]) -> dict[str, Any]:
    """The values of `--variable`."""
    from flowenv.cli.arguments.options import split
    from flowenv.submission.configured_variables import read_variable

    given = split(items, "--variable", "NAME=VALUE")
    return {name: read_variable(name, text) for name, text in given.items()}


def load_flow(target: str) -> Flow[..., Any]:
    """Load a target; an exception of the user's own file is shown with its traceback.

    Raises:
        FlowNotFound: if there is no such flow, or its file can't be loaded.
    """
    from flowenv.container.tracebacks import has_user_frames, show_user_traceback
    from flowenv.errors import FlowenvError, FlowNotFound
    from flowenv.flows.finding import find_flow

    try:
        return find_flow(target)
    except SystemExit as error:
        raise FlowNotFound(
            f"{target} called sys.exit({error.code!r}) while it was loaded.",
            hint='Put what a script does below `if __name__ == "__main__":`.',
        ) from error
    except Exception as error:
        if not has_user_frames(error):
            if isinstance(error, FlowenvError):
                raise
            if isinstance(error, OSError):  # of the target itself: nothing of it has run
                raise FlowNotFound(f"{target} can't be read: {error.strerror}.") from error
        show_user_traceback(error)
        shown = "".join(str(error).splitlines()[:1])
        raise FlowNotFound(
            f"{target} can't be loaded: {type(error).__name__}: {shown}.", hint=_advice(error)
        ) from error


def _advice(error: Exception) -> str:
    import sys

    if isinstance(error, ModuleNotFoundError):
        from flowenv.flows.prefect_names import PAGE

        package, _, inner = str(error.name).partition(".")
        if package == "flowenv" and inner:
            return f"Its names are flowenv's own, or a backend's, such as flowenv_k8s. {PAGE}"
        asked = f"Is it installed for {sys.executable}?"
        return f"{asked} {PAGE}" if package == "prefect" else asked
    return "The lines above say where."


def parse_parameters(flow: Flow[..., Any], items: Sequence[str]) -> dict[str, Any]:
    """The values of `-p`, read as the flow's annotations say.

    Raises:
        ParameterError: naming the parameter and what it expects.
    """
    from flowenv.cli.arguments.options import split
    from flowenv.errors import ParameterError
    from flowenv.flows.parameters.checking import annotation_of
    from flowenv.settings.values import parse

    values: dict[str, Any] = {}
    for name, text in split(items, "-p", "PARAM=VALUE").items():
        try:
            values[name] = parse(text, annotation_of(flow, name))
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
    from flowenv.cli.arguments.given_settings import parse_settings
    from flowenv.errors import ConfigurationError
    from flowenv.submission.named_environments import make_environment
    from flowenv.submission.preparing import environment_of

    if env is None and flow is not None and flow.environment is not None:
        own = environment_of(flow, None)
        if not settings:
            return own
        if own.takes_any_setting:  # what else it was given isn't to be had from it again
            raise ConfigurationError(
                f"-s can't change the {type(own).__name__} that the flow {flow.name} has.",
                hint="Name an environment of the configuration with --env.",
            )
        given = {one.name: getattr(own, one.name) for one in _settings_of(own)}
        changed = parse_settings(type(own), settings, given)
        made: Environment = dataclasses.replace(own, **changed)  # type: ignore[type-var]
        made.configured_as = own.configured_as
        return made
    return make_environment(env, _given_settings(env, settings) if settings else None)


def _given_settings(env: str | None, items: Sequence[str]) -> dict[str, Any]:
    from flowenv.cli.arguments.given_settings import parse_settings
    from flowenv.errors import ConfigurationError
    from flowenv.submission.named_environments import default_name, default_place, find_type

    found, named = find_type(env)
    try:
        return parse_settings(found, items, named.settings if named else {})
    except ConfigurationError as error:
        if env is None and (place := default_place()):
            error.hint = f"{error.hint} {place} says that the environment is {default_name()}."
        raise


def _settings_of(environment: Environment) -> Any:
    from flowenv.settings.declaration import settings_of

    return settings_of(type(environment))


def where_options(flow_run: FlowRun, env: str | None, settings: Sequence[str]) -> str:
    """The options that name a run's environment again, to propose a command with.

    Settings that are secret, or that nobody has declared, are left out.

    Args:
        flow_run: the run.
        env: what `--env` named.
        settings: what `-s` set.
    """
    from flowenv.submission.named_environments import default_name

    environment, flow = flow_run.environment, flow_run.flow
    is_flows_own = flow is not None and flow.environment is not None
    name = env or (environment.backend if is_flows_own else default_name())
    shown = {one.name for one in _settings_of(environment) if not one.secret}
    words = ["--env", name]
    for item in settings:
        if item.partition("=")[0].partition(".")[0] in shown:
            words += ["-s", item]
    return "".join(f" {shlex.quote(word)}" for word in words)
