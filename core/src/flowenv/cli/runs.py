"""`flowenv runs`, `status`, `attach`, `logs`, `cancel`: runs from any machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flowenv.cli.durations import since as since_moment
from flowenv.cli.options import (
    batch_option,
    label_option,
    mine_option,
    output_option,
    platform_options,
    reference_options,
)
from flowenv.cli.printing import echo, echo_json, log_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowenv.runs.environment import Environment
    from flowenv.runs.flow_run import FlowRun

_LACKS = {
    "attach": "can't pick up runs of other processes",
    "cancel": "can't cancel runs from outside",
    "delete": "can't delete a run; what its platform keeps goes by itself",
    "find": "can't list its runs",
    "logs": "can't read the logs of runs",
    "sweep": "leaves nothing behind to sweep",
}


def find_environment(
    env: str | None, settings: Sequence[str], plugins: Sequence[str], *capabilities: str
) -> Environment:
    """The environment, if its backend can do what the command needs.

    Raises:
        UnsupportedOperation: if it can't.
    """
    from flowenv.cli.prepare import choose_environment
    from flowenv.errors import UnsupportedOperation
    from flowenv.hooks.registry import use_local_plugins

    use_local_plugins(plugins)
    environment = choose_environment(None, env, settings)
    for capability in capabilities:
        if not getattr(environment.capabilities, capability):
            raise UnsupportedOperation(
                f"The backend {environment.backend} {_LACKS[capability]}.",
                hint="`flowenv plugins --load` shows what each can do; name another with --env."
                if env
                else "Say with --env NAME where to look.",
            )
    return environment


def _attached(
    reference: str,
    env: str | None,
    settings: Sequence[str],
    plugins: Sequence[str],
    *capabilities: str,
) -> FlowRun:
    from flowenv.cli.remembered import remembered, words
    from flowenv.errors import RunNotFound
    from flowenv.submission.lifecycle import attach

    environment = find_environment(env, settings, plugins, "attach", *capabilities)
    try:
        return attach(reference, environment)
    except RunNotFound as error:
        if found := remembered(reference):
            error.hint = f"{words(found)}."
        raise


def _known_states(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    from flowenv.errors import SettingError
    from flowenv.submission.known_runs import state_named

    try:
        return tuple(state_named(one).value for one in value)
    except SettingError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@platform_options
@label_option
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
    submitted. The table is as wide as the terminal; -o json has everything.

    \b
      flowenv runs --env prod
      flowenv runs --env prod --state failed --state crashed --since 7d --mine
      flowenv runs --env prod --label nightly -o json
    """
    from flowenv.cli.runs_table import print_runs
    from flowenv.submission.known_runs import find_runs

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
    from flowenv.cli.remembered import describe_remembered, remembered, words
    from flowenv.errors import RunNotFound

    try:
        flow_run = _attached(reference, env, settings, plugins)
    except RunNotFound:
        if not (found := remembered(reference)):
            raise
        if output == "json":
            echo_json(describe_remembered(found))
        else:
            echo(words(found))
        return
    _print_status(flow_run, flow_run.refresh, output, with_times=True)


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
    from flowenv.cli.follow import follow_to_end
    from flowenv.cli.prepare import where_options
    from flowenv.hooks.notifications import lines_first

    flow_run = _attached(reference, env, settings, plugins)
    where = where_options(flow_run, env, settings)
    with lines_first():
        return follow_to_end(flow_run, where, output)


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
    for line in _attached(reference, env, settings, plugins, "logs").logs(follow=follow):
        click.echo(log_line(line))


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
    is over changes nothing; a batch of which the platform has no run is an error.

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
    flow_run = _attached(str(reference), env, settings, plugins, "cancel")
    _print_status(flow_run, flow_run.cancel, output)
    return 0


def _cancel_batch(label: str, environment: Environment, output: str) -> int:
    from flowenv.batches.cancelling import cancel_all
    from flowenv.cli.report import describe
    from flowenv.errors import RunNotFound
    from flowenv.hooks.notifications import lines_first
    from flowenv.submission.known_runs import find_runs
    from flowenv.submission.lifecycle import attach

    found = find_runs(environment, labels=[label])
    if not found:
        raise RunNotFound(f"The platform has no run of the batch {label.partition('=')[2]}.")
    active = [run for run in found if not run.status.state.is_final]
    with lines_first():
        runs = [attach(one.reference, environment) for one in active]
        problems = cancel_all(runs)
        if output == "json":
            echo_json([describe(one) for one in runs])
        for one in runs if output == "text" else ():
            echo(f"{one.reference}: {one.last_status}")
        for error in problems:
            echo(f"Error: {error}", err=True)
    if not runs:
        echo("No run of the batch goes on.", err=True)
    return 3 if problems else 0


def _print_status(
    flow_run: FlowRun, look: Callable[[], object], output: str, *, with_times: bool = False
) -> None:
    """Look, print how the run stands, and let plugins be told if that is news."""
    from flowenv.cli.report import describe, describe_times, details
    from flowenv.hooks.notifications import lines_first

    with lines_first():
        look()
        if output == "json":
            echo_json({**describe(flow_run), **(describe_times(flow_run) if with_times else {})})
        else:
            lines = details(flow_run) if with_times else []
            echo("\n".join([str(flow_run.last_status), *lines]))
