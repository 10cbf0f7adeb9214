"""Runs from any machine: the environment that knows them, a run by its reference, how it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowenv.cli.output.printing import echo, echo_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowenv.answers.summaries import RunSummary
    from flowenv.batches.earlier_runs import Earlier
    from flowenv.environments.environment import Environment
    from flowenv.runs.flow_run import FlowRun

_LACKS = {
    "attach": "can't pick up runs of other processes",
    "cancel": "can't cancel runs from outside",
    "delete": "can't delete a run",
    "find": "can't list its runs",
    "logs": "can't read the logs of runs",
    "sweep": "leaves nothing behind to sweep",
}

_OTHERS = {
    True: "`flowenv plugins --load` shows what each can do; name another with --env.",
    False: "Say with --env NAME where to look.",
}


def find_environment(
    env: str | None, settings: Sequence[str], plugins: Sequence[str], *capabilities: str
) -> Environment:
    """The environment, if its backend can do what the command needs.

    Raises:
        UnsupportedOperation: if it can't.
    """
    from flowenv.cli.arguments.prepare import choose_environment
    from flowenv.errors import UnsupportedOperation
    from flowenv.registry.registry import use_local_plugins

    use_local_plugins(plugins)
    environment = choose_environment(None, env, settings)
    for capability in capabilities:
        if not getattr(environment.capabilities, capability):
            raise UnsupportedOperation(
                f"The backend {environment.backend} {_LACKS[capability]}.",
                hint=_instead(environment, capability) or _OTHERS[bool(env)],
            )
    return environment


def _instead(environment: Environment, capability: str) -> str:
    return {
        "delete": environment.instead_of_delete,
        "find": environment.instead_of_find,
    }.get(capability, "")


def runs_of_batch(label: str, environment: Environment) -> list[RunSummary]:
    """The runs of a batch that the platform has, newest first.

    Args:
        label: the batch's label.
        environment: where they are.

    Raises:
        RunNotFound: if there are none.
    """
    from flowenv.errors import RunNotFound
    from flowenv.known_runs.finding import find_runs

    found = find_runs(environment, labels=[label])
    if not found:
        raise RunNotFound(f"The platform has no run of the batch {label.partition('=')[2]}.")
    return found


def newest_of_batch(label: str, environment: Environment) -> list[Earlier]:
    """The newest runs of a batch's rows, in the order of their submission.

    The arguments are those of `runs_of_batch`.
    """
    from flowenv.batches.earlier_runs import newest_by_row, submitted_here

    runs = runs_of_batch(label, environment)
    found = newest_by_row(runs, submitted_here(environment)).values()
    return sorted(found, key=lambda one: one.run.created.timestamp() if one.run.created else 0)


def attached(
    reference: str,
    env: str | None,
    settings: Sequence[str],
    plugins: Sequence[str],
    *capabilities: str,
) -> FlowRun:
    """The run of a reference, from a platform whose backend can do what the command needs.

    Raises:
        UnsupportedOperation: if it can't.
        RunNotFound: if the platform knows no such run; the hint has what the journal remembers.
    """
    from flowenv.known_runs.attaching import attach

    environment = find_environment(env, settings, plugins, "attach", *capabilities)
    return attach(reference, environment)


def print_status(
    flow_run: FlowRun, look: Callable[[], object], output: str, *, with_times: bool = False
) -> None:
    """Look, print how the run stands, and let plugins be told if that is news."""
    from flowenv.cli.output.report import describe, describe_times, details
    from flowenv.hooks.notifications import lines_first

    with lines_first():
        look()
        if output == "json":
            echo_json({**describe(flow_run), **(describe_times(flow_run) if with_times else {})})
        else:
            lines = details(flow_run) if with_times else []
            echo("\n".join([str(flow_run.last_status), *lines]))
