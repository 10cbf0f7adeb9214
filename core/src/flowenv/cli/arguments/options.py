"""Options that commands share, and how they complete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from flowenv.cli.output.stdout import RESULTS, result_stream

Command = TypeVar("Command", bound=Callable[..., Any])


def _complete_environments(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[str]:
    from flowenv.errors import ConfigurationError
    from flowenv.registry.discovery import installed
    from flowenv.settings.configuration import configuration

    try:
        named = list(configuration().environments)
    except ConfigurationError:  # no place to say so: the command will
        named = []
    backends = [one.name for one in installed() if one.kind == "backend"]
    return [name for name in dict.fromkeys([*named, *backends]) if name.startswith(incomplete)]


def _complete_files(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]


def _given(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Refuse an empty text: most likely a shell's variable that isn't set."""
    if "" in (value if isinstance(value, tuple) else (value,)):
        raise click.BadParameter("it is empty; leave the option out, or name something.")
    return value


target_argument = click.argument("target", metavar="TARGET", shell_complete=_complete_files)
reference_argument = click.argument("reference", metavar="REFERENCE")


def _env_option(default: str) -> Callable[[Command], Command]:
    return click.option(
        "--env",
        "-e",
        metavar="NAME",
        callback=_given,
        shell_complete=_complete_environments,
        help=f"A named environment of the configuration, or a backend.  [default: {default}]",
    )


env_option = _env_option("the flow's own, else the configured one, else local")
platform_env_option = _env_option("the configured one, else local")
settings_option = click.option(
    "--set",
    "-s",
    "settings",
    metavar="FIELD=VALUE",
    multiple=True,
    help="A setting of the environment, or a key in one, however deep: "
    "-s metadata.image=repo/flow:1. A key's value is JSON, else text. Repeatable.",
)
plugin_option = click.option(
    "--plugin",
    "plugins",
    metavar="PLUGIN",
    multiple=True,
    callback=_given,
    shell_complete=_complete_files,
    help="A module or file with hooks to use besides the installed plugins. Repeatable.",
)
parameter_option = click.option(
    "--param",
    "-p",
    "parameters",
    metavar="PARAM=VALUE",
    multiple=True,
    help="A parameter of the flow, read as its annotation says. Repeatable.",
)


def _label_option(text: str) -> Callable[[Command], Command]:
    return click.option(
        "--label", "labels", metavar="LABEL", multiple=True, callback=_given, help=text
    )


label_option = _label_option("A label to find it by. Repeatable.")
labelled_option = _label_option("Only runs with this label. Repeatable.")


variable_option = click.option(
    "--variable",
    "variables",
    metavar="NAME=VALUE",
    multiple=True,
    help="An environment variable for this run, over the configured ones: a text, or as in "
    """[env] '{secret = "name"}'. Repeatable.""",
)


def _as_label(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    from flowenv.batches.rows import BATCH

    return None if value is None else f"{BATCH}{_given(ctx, param, value)}"


batch_option = click.option(
    "--batch",
    metavar="NAME",
    callback=_as_label,
    help="Only the runs of this batch, which `flowenv run --each` or `flowenv.map` submitted.",
)
mine_option = click.option(
    "--mine", is_flag=True, help="Only those that this user submitted from this machine."
)


def flow_options(command: Command) -> Command:
    """The argument and options of commands that prepare a run."""
    return _all(
        command,
        target_argument,
        env_option,
        settings_option,
        parameter_option,
        label_option,
        variable_option,
        plugin_option,
    )


def platform_options(command: Command) -> Command:
    """The options of commands that look at a platform."""
    return _all(command, platform_env_option, settings_option, plugin_option)


def reference_options(command: Command) -> Command:
    """The argument and options of commands that pick up a run."""
    return _all(command, reference_argument, platform_env_option, settings_option, plugin_option)


def _all(command: Command, *options: Callable[[Command], Command]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


if TYPE_CHECKING:
    _Choice = click.Choice[str]
else:
    _Choice = click.Choice  # which is of no type before click 8.2


class _Format(_Choice):
    """A form of output. A file's name is no such: the error says which option takes one.

    Args:
        choices: the forms.
        option: what is given a file or folder to write to; empty for nothing.
    """

    def __init__(self, choices: Sequence[str], option: str) -> None:
        super().__init__(choices)
        self._option = option

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            if not self._option:
                raise
            said = f"{error.message} Did you mean {self._option} {value}?"
            raise click.BadParameter(said, ctx, param) from error


def output_option(*choices: str, elsewhere: str = "") -> Callable[[Command], Command]:
    """The `-o` option; the first choice is the default.

    With any but `text` nothing else reaches the standard output while the command runs.

    Args:
        *choices: the forms.
        elsewhere: the command's option that takes a file or folder to write to.
    """
    return click.option(
        "--output",
        "-o",
        type=_Format(choices, elsewhere),
        default=choices[0],
        show_default=True,
        callback=_keep_stdout,
        help="How to print what is asked for.",
    )


def _keep_stdout(context: click.Context, parameter: click.Parameter, output: str) -> str:
    stream = context.with_resource(result_stream(alone=output != "text"))
    context.meta[RESULTS] = stream
    return output


def split(items: Sequence[str], option: str, form: str) -> dict[str, str]:
    """`NAME=VALUE` items as a dictionary.

    Raises:
        BadParameter: if an item has no `=`, or a name comes twice.
    """
    found: dict[str, str] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{item!r} is not {form}.", param_hint=option)
        if name in found:
            raise click.BadParameter(f"{name!r} is given twice.", param_hint=option)
        found[name] = value
    return found
