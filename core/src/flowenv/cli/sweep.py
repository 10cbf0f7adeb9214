"""`flowenv sweep`: what is left of runs that are over."""

from __future__ import annotations

import click

from flowenv.cli.durations import UNITS, seconds
from flowenv.cli.options import output_option, platform_options
from flowenv.cli.printing import echo, echo_json, echo_table
from flowenv.cli.runs import find_environment


@click.command()
@platform_options
@click.option(
    "--older-than",
    metavar="DURATION",
    default="1h",
    show_default=True,
    callback=seconds,
    help="Leave younger things alone: 90s, 30m, 12h, 7d.",
)
@click.option("--yes", is_flag=True, help="Remove what is found; without it, only list it.")
@output_option("text", "json")
def sweep(
    env: str | None,
    settings: tuple[str, ...],
    plugins: tuple[str, ...],
    older_than: float,
    yes: bool,
    output: str,
) -> int:
    """List, and with --yes remove, what runs have left.

    Only what flowenv's own runs made, and only of runs that are over, is looked at. Exits
    with 3 if something could not be removed.

    \b
      flowenv sweep --env prod
      flowenv sweep --env prod --older-than 7d --yes
    """
    from flowenv.hooks.registry import registry
    from flowenv.runs.answers import many
    from flowenv.runs.summaries import Leftover

    environment = find_environment(env, settings, plugins, "sweep")
    hooks = registry().hooks(environment.backend)
    given = {"environment": environment, "older_than": older_than, "delete": yes}
    given_back = hooks.claimed("sweep", "flowenv_sweep", **given)
    found = list(many(given_back, Leftover, hooks.owner, "flowenv_sweep"))
    if output == "json":
        echo_json([one.to_json() for one in found])
    elif not found:
        echo(f"Nothing {_older(older_than)}is left over.")
    else:
        rows = [[one.kind, one.name, one.run_id, _state(one.removed, one.problem)] for one in found]
        echo_table(rows, ["kind", "name", "run", ""])
        if not yes:
            echo("Remove them with --yes.", err=True)
    return 3 if any(one.problem for one in found) else 0


def _older(seconds: float) -> str:
    if not seconds:
        return ""
    unit = next(unit for unit in "dhms" if unit == "s" or seconds % UNITS[unit] == 0)
    return f"older than {seconds / UNITS[unit]:g}{unit} "


def _state(removed: bool, problem: str) -> str:
    return "removed" if removed else problem
