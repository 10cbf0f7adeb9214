"""`flowenv runs`, `status`, `attach`, `logs`, `cancel`: runs from any machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flowenv.cli.options import (
    choose_environment,
    echo_json,
    echo_table,
    env_option,
    output_option,
    settings_option,
)

if TYPE_CHECKING:
    from flowenv.environment import Environment
    from flowenv.flow_run import FlowRun


def _reference_options(command: Any) -> Any:
    for option in (settings_option, env_option, click.argument("reference", metavar="REFERENCE")):
        command = option(command)
    return command


def find_environment(env: str | None, settings: tuple[str, ...], capability: str) -> Environment:
    """The environment, if its backend can do what the command needs.

    Raises:
        UnsupportedOperation: if it can't.
    """
    from flowenv.errors import UnsupportedOperation

    environment = choose_environment(None, env, settings)
    if not getattr(environment.capabilities, capability):
        raise UnsupportedOperation(
            f"The backend {environment.backend} has no '{capability}'.",
            hint="Name another with --env; `flowenv plugins` lists them.",
        )
    return environment


def _attached(reference: str, env: str | None, settings: tuple[str, ...]) -> FlowRun:
    from flowenv.lifecycle import attach

    return attach(reference, find_environment(env, settings, "attach"))


@click.command()
@env_option
@settings_option
@click.option("--label", "labels", metavar="L", multiple=True, help="Only with this label.")
@output_option("text", "json")
def runs(env: str | None, settings: tuple[str, ...], labels: tuple[str, ...], output: str) -> None:
    """List the runs that the platform knows of, newest first."""
    from flowenv.registry import registry

    environment = find_environment(env, settings, "find")
    hook = registry().hooks(environment.backend).hook
    found = list(hook.flowenv_find_runs(environment=environment, labels=labels) or [])
    found.sort(key=lambda one: one.created.timestamp() if one.created else 0, reverse=True)
    if output == "json":
        echo_json([one.to_json() for one in found])
        return
    rows = [
        [
            one.reference,
            one.flow,
            one.status.state.value,
            one.created.strftime("%Y-%m-%d %H:%M:%S") if one.created else "",
            ", ".join(one.labels),
        ]
        for one in found
    ]
    echo_table(rows, ["reference", "flow", "state", "created (UTC)", "labels"])


@click.command()
@_reference_options
@output_option("text", "json")
def status(reference: str, env: str | None, settings: tuple[str, ...], output: str) -> None:
    """Show how a run stands. Exits with 0 whatever the state is."""
    flow_run = _attached(reference, env, settings)
    found = flow_run.refresh()
    if output == "json":
        data = {"run_id": flow_run.id, "flow": flow_run.flow_name, "reference": reference}
        echo_json({**data, **found.to_json()})
    else:
        click.echo(f"{found}")


@click.command()
@_reference_options
def attach(reference: str, env: str | None, settings: tuple[str, ...]) -> int:
    """Follow a run as `flowenv run` does; Ctrl-C leaves it running."""
    from flowenv.cli.follow import Follower
    from flowenv.cli.run import exit_code, print_result

    flow_run = _attached(reference, env, settings)
    follower = Follower(flow_run, cancel_on_interrupt=False)
    found = follower.run()
    print_result(flow_run)
    click.echo(follower.summary(), err=True)
    return exit_code(found)


@click.command()
@_reference_options
@click.option("--follow", "-f", is_flag=True, help="Wait for more until the run is over.")
def logs(reference: str, env: str | None, settings: tuple[str, ...], follow: bool) -> None:
    """Print the log of a run."""
    for line in _attached(reference, env, settings).logs(follow=follow):
        click.echo(line)


@click.command()
@_reference_options
@output_option("text", "json")
def cancel(reference: str, env: str | None, settings: tuple[str, ...], output: str) -> None:
    """Stop a run, and return when the platform shows that it has stopped."""
    found = _attached(reference, env, settings).cancel()
    if output == "json":
        echo_json(found.to_json())
    else:
        click.echo(f"{found}")
