"""`flowenv runs`: what a platform knows of."""

from __future__ import annotations

from typing import Any

import click

from flowenv.cli.arguments.durations import since as since_moment
from flowenv.cli.arguments.options import (
    batch_option,
    labelled_option,
    mine_option,
    output_option,
    platform_options,
)
from flowenv.cli.output.printing import echo, echo_json
from flowenv.cli.platform import find_environment


def _known_states(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    from flowenv.errors import SettingError
    from flowenv.known_runs.finding import state_named

    try:
        return tuple(state_named(one).value for one in value)
    except SettingError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@platform_options
@labelled_option
@batch_option
@click.option(
    "--state",
    "states",
    metavar="STATE",
    multiple=True,
    callback=_known_states,
    help="Only runs in this state: Running, Failed, … Repeatable.",
)
@click.option("--flow", metavar="NAME", help="Only runs of this flow; * stands for anything.")
@click.option(
    "--since",
    metavar="WHEN",
    callback=since_moment,
    help="Only runs submitted since then: 90m, 12h, 7d, or a date such as 2026-11-28.",
)
@mine_option
@click.option(
    "--all",
    "forgotten",
    is_flag=True,
    help="Also those that the platform has forgotten and this machine's journal has not.",
)
@output_option("text", "json")
def runs(
    env: str | None,
    settings: tuple[str, ...],
    plugins: tuple[str, ...],
    output: str,
    labels: tuple[str, ...],
    batch: str | None,
    **chosen: Any,
) -> None:
    """List the runs that a platform knows of, newest first.

    A run's start is when its container started; as long as that isn't known, when it was
    submitted. The table is as wide as the terminal, and has fewer columns in a narrow one;
    -o json has everything.

    \b
      flowenv runs --env prod
      flowenv runs --env prod --state failed --state crashed --since 7d --mine
      flowenv runs --env prod --label nightly -o json
    """
    from flowenv.cli.output.runs_table import print_runs
    from flowenv.known_runs.finding import find_runs

    labels = (*labels, *([batch] if batch else ()))
    environment = find_environment(env, settings, plugins, "find")
    found = find_runs(environment, labels=labels, **chosen)
    if output == "json":
        echo_json([one.to_json() for one in found])
    elif not found:
        echo(
            "No such runs."
            if any(chosen.values())
            else f"No runs with {', '.join(labels)}."
            if labels
            else "No runs.",
            err=True,
        )
    else:
        print_runs(found)
