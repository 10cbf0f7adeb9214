"""`flowenv status`: how a run stands, and when what happened."""

from __future__ import annotations

import click

from flowenv.cli.arguments.options import output_option, reference_options
from flowenv.cli.output.printing import echo, echo_json
from flowenv.cli.platform import attached, print_status


@click.command()
@reference_options
@output_option("text", "json")
def status(
    reference: str,
    env: str | None,
    settings: tuple[str, ...],
    plugins: tuple[str, ...],
    output: str,
) -> None:
    """Show how a run stands, and when what happened.

    REFERENCE is what `flowenv run --detach` or `flowenv runs` printed. Exits with 0 whatever
    the state is. Of a run that the platform has forgotten it says what this machine's
    journal knows.

    \b
      flowenv status REFERENCE --env prod
      flowenv status REFERENCE --env prod -o json
    """
    from flowenv.cli.output.remembered import describe_remembered, remembered
    from flowenv.errors import RunNotFound

    try:
        flow_run = attached(reference, env, settings, plugins)
    except RunNotFound:
        if not (found := remembered(reference)):
            raise
        if output == "json":
            echo_json(describe_remembered(found))
        else:
            echo(found.words)
        return
    print_status(flow_run, flow_run.refresh, output, with_times=True)
