"""`flowenv delete`: what a platform keeps of one run that is over."""

from __future__ import annotations

import click

from flowenv.cli.arguments.options import batch_option, platform_options
from flowenv.cli.output.printing import echo
from flowenv.cli.platform import find_environment, runs_of_batch


@click.command()
@click.argument("references", metavar="REFERENCE...", nargs=-1)
@platform_options
@batch_option
def delete(
    references: tuple[str, ...],
    env: str | None,
    settings: tuple[str, ...],
    plugins: tuple[str, ...],
    batch: str | None,
) -> int:
    """Remove what the platform keeps of runs that are over.

    REFERENCE is what `flowenv run --detach` or `flowenv runs` printed. A run that isn't over is
    left alone, which is an error; the others are deleted. What runs have stored at results_url
    stays, and `flowenv runs --all` still lists what this machine has submitted.

    \b
      flowenv delete REFERENCE --env prod
      flowenv delete REFERENCE REFERENCE --env prod
      flowenv delete --batch days --env prod
    """
    from flowenv.errors import FlowenvError, PluginFailed
    from flowenv.known_runs.attaching import attach
    from flowenv.wording import shown

    if bool(references) == (batch is not None):
        raise click.UsageError("Give REFERENCEs, or --batch NAME.")
    needed = ("attach", "delete", "find") if batch else ("attach", "delete")
    environment = find_environment(env, settings, plugins, *needed)
    if batch:
        references = tuple(one.reference for one in runs_of_batch(batch, environment))
    code = 0
    for reference in dict.fromkeys(references):
        try:
            run = attach(reference, environment)
            run.delete()
        except PluginFailed:
            raise
        except FlowenvError as error:
            code = code or error.exit_code
            echo(shown(f"Error: {error}"), err=True)
        else:
            echo(f"Deleted {reference}: it was {run.last_status.state.value}.", err=True)
    return code
