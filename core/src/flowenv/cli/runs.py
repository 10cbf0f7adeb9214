"""`flowenv runs`, `status`, `attach`, `logs`, `cancel`: runs from any machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowenv.cli.options import label_option, output_option, platform_options, reference_options
from flowenv.cli.printing import echo, echo_json, echo_table, log_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowenv.runs.environment import Environment
    from flowenv.runs.flow_run import FlowRun

_LACKS = {
    "attach": "can't pick up runs of other processes",
    "cancel": "can't cancel runs from outside",
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
    from flowenv.submission.lifecycle import attach

    environment = find_environment(env, settings, plugins, "attach", *capabilities)
    return attach(reference, environment)


_WIDEST = 60


def _cut(text: str) -> str:
    """A text that nobody has to copy, short enough for a table."""
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


@click.command()
@platform_options
@label_option
@output_option("text", "json")
def runs(
    env: str | None,
    settings: tuple[str, ...],
    plugins: tuple[str, ...],
    labels: tuple[str, ...],
    output: str,
) -> None:
    """List the runs that a platform knows of, newest first.

    \b
      flowenv runs --env prod
      flowenv runs --env prod --label nightly -o json
    """
    from flowenv.submission.lifecycle import find_runs

    found = find_runs(find_environment(env, settings, plugins, "find"), labels=labels)
    if output == "json":
        echo_json([one.to_json() for one in found])
    elif not found:
        echo("No runs." if not labels else f"No runs with {', '.join(labels)}.", err=True)
    else:
        rows = [
            [
                one.reference,
                _cut(one.flow),
                one.status.state.value,
                one.created.strftime("%Y-%m-%d %H:%M:%S") if one.created else "",
                _cut(", ".join(one.labels)),
            ]
            for one in found
        ]
        echo_table(rows, ["reference", "flow", "state", "created (UTC)", "labels"])


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
    """Show how a run stands.

    REFERENCE is what `flowenv run --detach` or `flowenv runs` printed. Exits with 0 whatever
    the state is.

    \b
      flowenv status REFERENCE --env prod
      flowenv status REFERENCE --env prod -o json
    """
    flow_run = _attached(reference, env, settings, plugins)
    _print_status(flow_run, flow_run.refresh, output)


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
    from flowenv.cli.follow import Follower
    from flowenv.cli.prepare import where_options
    from flowenv.cli.report import report_end
    from flowenv.hooks.notifications import lines_first

    flow_run = _attached(reference, env, settings, plugins)
    where = where_options(flow_run, env, settings)
    with lines_first():
        with Follower(flow_run, where, cancel_on_interrupt=False) as follower:
            follower.follow()
        return report_end(flow_run, output)


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
@reference_options
@output_option("text", "json")
def cancel(
    reference: str,
    env: str | None,
    settings: tuple[str, ...],
    plugins: tuple[str, ...],
    output: str,
) -> None:
    """Stop a run, and wait until it has stopped.

    REFERENCE is what `flowenv run --detach` or `flowenv runs` printed. Cancelling a run that
    is over changes nothing.

    \b
      flowenv cancel REFERENCE --env prod
    """
    flow_run = _attached(reference, env, settings, plugins, "cancel")
    _print_status(flow_run, flow_run.cancel, output)


def _print_status(flow_run: FlowRun, look: Callable[[], object], output: str) -> None:
    """Look, print how the run stands, and let plugins be told if that is news."""
    from flowenv.cli.report import describe
    from flowenv.hooks.notifications import lines_first

    with lines_first():
        look()
        if output == "json":
            echo_json(describe(flow_run))
        else:
            echo(str(flow_run.status))
