"""The group of commands."""

from __future__ import annotations

import importlib

import click

from flowenv._version import __version__

_COMMANDS = (
    "run",
    "spec",
    "explain",
    "plugins",
    "doctor",
    "hooks",
    "runs",
    "status",
    "result",
    "files",
    "attach",
    "logs",
    "cancel",
    "delete",
    "report",
    "sweep",
    "new-plugin",
    "completion",
)
"""Each is in a module of its own in `commands`, and named as it is."""


class LazyGroup(click.Group):
    """A group that imports the module of a command only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in their order."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in _COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(importlib.import_module(f"flowenv.cli.commands.{name}"), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for an unknown one name the nearest."""
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from flowenv.settings.declaration import nearest

            hint = nearest(args[0], list(_COMMANDS))
            raise click.UsageError(f"No such command {args[0]!r}. {hint}", ctx)
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and not ctx.resilient_parsing:
            _check_once(command, ctx, rest)
        return name, command, rest


def _check_once(command: click.Command, ctx: click.Context, args: list[str]) -> None:
    """Refuse an option that is given twice: of its values click would take the last in silence."""
    own = click.Context(command, ctx, command.name)
    try:
        order = command.make_parser(own).parse_args(list(args))[2]
    except click.UsageError:  # it is raised again where the command is called
        return
    for one in dict.fromkeys(order):
        takes_one = isinstance(one, click.Option) and not (one.multiple or one.is_flag or one.count)
        if takes_one and order.count(one) > 1:
            raise click.UsageError(f"{max(one.opts, key=len)} is given twice.", own)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 completed, 1 the flow failed, 2 wrong usage or configuration, "
    "3 the platform failed, 4 completed without its result coming back, 130 interrupted.",
)
@click.version_option(__version__, prog_name="flowenv")
def app() -> None:
    """Run a Python flow where you say: here, on Kubernetes, on Dask, on Fargate.

    \b
      flowenv run flow.py                        in this process
      flowenv run flow.py --env prod -p n=3      where [environments.prod] says
      flowenv spec flow.py --env k8s             what would be sent, without sending it
    """
