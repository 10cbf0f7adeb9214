"""`flowenv logs`: what a run printed."""

from __future__ import annotations

import click

from flowenv.cli.arguments.options import reference_options
from flowenv.cli.output.printing import log_line
from flowenv.cli.platform import attached


@click.command()
@reference_options
@click.option("--follow", "-f", is_flag=True, help="Wait for more until the run is over.")
def logs(
    reference: str,
    env: str | None,
    settings: tuple[str, ...],
    plugins: tuple[str, ...],
    follow: bool,
) -> None:
    """Print the log of a run.

    REFERENCE is what `flowenv run --detach` or `flowenv runs` printed.

    \b
      flowenv logs REFERENCE --env prod
      flowenv logs REFERENCE --env prod --follow
    """
    for line in attached(reference, env, settings, plugins, "logs").logs(follow=follow):
        click.echo(log_line(line))
