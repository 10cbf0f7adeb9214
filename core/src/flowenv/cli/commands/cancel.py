"""`flowenv cancel`: stopping a run, or a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowenv.cli.arguments.options import batch_option, output_option, platform_options
from flowenv.cli.output.printing import echo, echo_json
from flowenv.cli.platform import attached, find_environment, print_status, runs_of_batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowenv.answers.summaries import RunSummary
    from flowenv.environments.environment import Environment
    from flowenv.errors import FlowenvError
    from flowenv.runs.flow_run import FlowRun

_ROUNDS = 10
"""How often to look for more runs, while there are."""
_STOPS = "A process that still submits the batch stops when it sees that."
_GOES_ON = "A process that still submits it isn't stopped by this: end that one."


@click.command()
@click.argument("reference", metavar="REFERENCE", required=False)
@platform_options
@batch_option
@output_option("text", "json")
def cancel(
    reference: str | None,
    env: str | None,
    settings: tuple[str, ...],
    plugins: tuple[str, ...],
    batch: str | None,
    output: str,
) -> int:
    """Stop a run, or a batch, and wait for its end.

    REFERENCE is what `flowenv run --detach` or `flowenv runs` printed. Cancelling a run that
    is over changes nothing; a batch of which the platform has no run is an error. A process
    that still submits a batch stops when it sees that one of its runs was cancelled.

    \b
      flowenv cancel REFERENCE --env prod
      flowenv cancel --batch days --env prod
    """
    if (reference is None) == (batch is None):
        raise click.UsageError("Give a REFERENCE, or --batch NAME.")
    if batch is not None:
        return _cancel_batch(
            batch, find_environment(env, settings, plugins, "cancel", "find"), output
        )
    flow_run = attached(str(reference), env, settings, plugins, "cancel")
    print_status(flow_run, flow_run.cancel, output)
    return 0


def _cancel_batch(label: str, environment: Environment, output: str) -> int:
    from flowenv.cli.output.report import describe
    from flowenv.hooks.notifications import lines_first

    with lines_first():
        runs, problems = _cancelled(label, environment)
        if output == "json":
            echo_json([describe(one) for one in runs])
        for one in runs if output == "text" else ():
            echo(f"{one.reference}: {one.last_status}")
        for error in problems:
            echo(f"Error: {error}", err=True)
    echo(_STOPS if runs else f"No run of the batch goes on. {_GOES_ON}", err=True)
    return 3 if problems else 0


def _cancelled(label: str, environment: Environment) -> tuple[list[FlowRun], list[FlowenvError]]:
    """Cancel the runs of a batch, also those that somebody submits meanwhile."""
    from flowenv.batches.cancelling import cancel_all
    from flowenv.errors import FlowenvError
    from flowenv.known_runs.attaching import attach
    from flowenv.known_runs.finding import find_runs

    found: Sequence[RunSummary] = runs_of_batch(label, environment)
    runs: dict[str, FlowRun] = {}
    problems: list[FlowenvError] = []
    for _ in range(_ROUNDS):
        active = [one.reference for one in found if not one.status.state.is_final]
        new = {one: attach(one, environment) for one in active if one not in runs}
        if not new:
            break
        problems += cancel_all(new.values())
        runs |= new
        try:
            found = find_runs(environment, labels=[label])
        except FlowenvError as error:  # those that are cancelled are so all the same
            problems.append(error)
            break
    return list(runs.values()), problems
