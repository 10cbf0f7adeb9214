"""`flowenv sweep`: what is left of runs that are over."""

from __future__ import annotations

import click

from flowenv.cli.arguments.durations import UNITS, seconds
from flowenv.cli.arguments.options import (
    batch_option,
    labelled_option,
    mine_option,
    output_option,
    platform_options,
)
from flowenv.cli.output.printing import echo, echo_json, echo_table
from flowenv.cli.platform import find_environment


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
@labelled_option
@batch_option
@mine_option
@click.option("--everyone", is_flag=True, help="Also what runs of others have left.")
@click.option("--yes", is_flag=True, help="Remove what is found; without it, only list it.")
@output_option("text", "json")
def sweep(
    env: str | None,
    settings: tuple[str, ...],
    plugins: tuple[str, ...],
    older_than: float,
    labels: tuple[str, ...],
    batch: str | None,
    mine: bool,
    everyone: bool,
    yes: bool,
    output: str,
) -> int:
    """List, and with --yes remove, what runs have left.

    Only what flowenv's own runs made, and only of runs that are over, is looked at. What runs
    of others have left is left alone, unless --everyone says otherwise; with --mine also that
    of which nobody knows whose it is. Exits with 3 if something could not be removed.

    \b
      flowenv sweep --env prod
      flowenv sweep --env prod --older-than 7d --label nightly --yes
    """
    from flowenv.known_runs.sweeping import sweep

    if mine and everyone:
        raise click.UsageError("--mine and --everyone exclude each other.")
    labels = (*labels, *([batch] if batch else ()))
    environment = find_environment(env, settings, plugins, "sweep")
    swept = sweep(environment, older_than, delete=yes, labels=labels, mine=mine, everyone=everyone)
    found = swept.found
    if output == "json":
        echo_json([one.to_json() for one in found])
    elif not found:
        mark = f" of runs with {', '.join(labels)}" if labels else ""
        echo(f"Nothing {_older(older_than)}is left over{mark}.")
    else:
        rows = [
            [one.kind, one.name, one.run_id, one.submitter, _state(one.removed, one.problem)]
            for one in found
        ]
        echo_table(rows, ["kind", "name", "run", "by", ""])
        if not yes:
            echo("Remove them with --yes.", err=True)
    if swept.of_others:
        whose = ", ".join(sorted({one.submitter for one in swept.of_others}))
        number = len(swept.of_others)
        what = "1 thing" if number == 1 else f"{number} things"
        echo(f"Left alone: {what} of {whose}. --everyone takes them too.", err=True)
    return 3 if any(one.problem for one in found) else 0


def _older(seconds: float) -> str:
    if not seconds:
        return ""
    unit = next(unit for unit in "dhms" if unit == "s" or seconds % UNITS[unit] == 0)
    return f"older than {seconds / UNITS[unit]:g}{unit} "


def _state(removed: bool, problem: str) -> str:
    return "removed" if removed else problem
