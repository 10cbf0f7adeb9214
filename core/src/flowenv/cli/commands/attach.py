"""`flowenv attach`: following a run that another process submitted."""

from __future__ import annotations

import click

from flowenv.cli.arguments.options import output_option, reference_options
from flowenv.cli.platform import attached


@click.command()
@reference_options
@output_option("text", "json")
def attach(
    reference: str,
    env: str | None,
    settings: tuple[str, ...],
    plugins: tuple[str, ...],
    output: str,
) -> int:
    """Follow a run as `flowenv run` does.

    REFERENCE is what `flowenv run --detach` or `flowenv runs` printed. Exits as the run
    ended; Ctrl-C leaves it running. Who follows a run also ends on the platform what
    can't start, or goes on when the flow has ended; `status`, `runs` and `logs` change nothing.

    \b
      flowenv attach REFERENCE --env prod
    """
    from flowenv.cli.arguments.prepare import where_options
    from flowenv.cli.following.follow import follow_to_end
    from flowenv.hooks.notifications import lines_first

    flow_run = attached(reference, env, settings, plugins)
    where = where_options(flow_run, env, settings)
    with lines_first():
        return follow_to_end(flow_run, where, output)
