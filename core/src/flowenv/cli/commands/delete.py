"""`flowenv delete`: what a platform keeps of one run that is over."""

from __future__ import annotations

import click

from flowenv.cli.options import platform_options
from flowenv.cli.platform import find_environment
from flowenv.cli.printing import echo


@click.command()
@click.argument("references", metavar="REFERENCE...", nargs=-1, required=True)
@platform_options
def delete(
    references: tuple[str, ...],
    env: str | None,
    settings: tuple[str, ...],
    plugins: tuple[str, ...],
) -> None:
    """Remove what the platform keeps of runs that are over.

    REFERENCE is what `flowenv run --detach` or `flowenv runs` printed. A run that isn't over is
    left alone, and so are those named behind it. `flowenv runs --all` still lists what this
    machine has submitted.

    \b
      flowenv delete REFERENCE --env prod
    """
    from flowenv.submission.attaching import attach

    environment = find_environment(env, settings, plugins, "attach", "delete")
    for reference in references:
        run = attach(reference, environment)
        run.delete()
        echo(f"Deleted {reference}: it was {run.last_status.state.value}.", err=True)
