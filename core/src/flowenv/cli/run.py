"""`flowenv run`: run a flow, show how it goes, exit as it ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from flowenv.cli.options import echo_json, output_option, prepare_target, target_options

if TYPE_CHECKING:
    from flowenv.flow_run import FlowRun
    from flowenv.lifecycle import Prepared
    from flowenv.states import Status


@click.command()
@target_options
@click.option("--detach", is_flag=True, help="Submit the run, print its reference, and leave.")
@click.option(
    "--rehearse",
    is_flag=True,
    help="Run what the container would run, its variables and payload, in a local process.",
)
@output_option("text", "json")
def run(detach: bool, rehearse: bool, output: str, **target: Any) -> int:
    """Run a flow where its environment says.

    TARGET is file.py, file.py:flow or package.module:flow.

    \b
      flowenv run flow.py
      flowenv run flow.py --env k8s -s metadata.image=repo/flow:1 -p size=3
      flowenv run flow.py --env prod --rehearse
      flowenv run flow.py --env prod --detach -o json

    Shows changes of state and the flow's log; then the result and the time of each phase.
    Ctrl-C cancels the run; a second one leaves at once.
    """
    if detach and rehearse:
        raise click.UsageError("--detach and --rehearse exclude each other.")
    with _stdout_kept(output == "json") as result_stream:
        prepared = prepare_target(**target)
        if rehearse:
            return _rehearse(prepared, output, result_stream)
        if detach:
            return _detach(prepared, output)
        return _run(prepared, output, result_stream)


@contextmanager
def _stdout_kept(keep: bool) -> Iterator[Any]:
    """Keep the standard output for JSON: what the flow prints goes to the standard error."""
    if not keep:
        yield sys.stdout
        return
    sys.stdout.flush()
    copy = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(copy), "w") as stream:
            yield stream
    finally:
        sys.stdout.flush()
        os.dup2(copy, 1)
        os.close(copy)


def _rehearse(prepared: Prepared, output: str, stream: Any) -> int:
    from flowenv.rehearsal import rehearse

    rehearsed = rehearse(prepared)
    if rehearsed.unresolved:
        names = ", ".join(rehearsed.unresolved)
        click.echo(f"Only the platform sets these variables: {names}", err=True)
    result = rehearsed.outcome.result if rehearsed.outcome else None
    if output == "json":
        _print_json(stream, {"rehearsal": True, **rehearsed.status.to_json(), "result": result})
    else:
        if result is not None:
            click.echo(f"Result: {result!r}")
        click.echo(f"Rehearsed: {rehearsed.status}", err=True)
    return exit_code(rehearsed.status)


def _detach(prepared: Prepared, output: str) -> int:
    from flowenv.errors import UnsupportedOperation

    backend = prepared.flow_run.environment
    if not backend.capabilities.attach:
        raise UnsupportedOperation(
            f"The backend {backend.backend} can't be left: nobody could pick the run up again.",
            hint="Run it without --detach.",
        )
    flow_run = prepared.submit()
    if output == "json":
        echo_json(_describe(flow_run))
    else:
        click.echo(flow_run.reference)
    return 0


def _run(prepared: Prepared, output: str, stream: Any) -> int:
    from flowenv.cli.follow import Follower

    follower = Follower(prepared.flow_run)
    status = follower.run(prepared.submit)
    report = {**_describe(prepared.flow_run), "phases": prepared.flow_run.phases()}
    if output == "json":
        _print_json(stream, {**report, **_result_json(prepared.flow_run)})
    else:
        print_result(prepared.flow_run)
        click.echo(follower.summary(), err=True)
    return exit_code(status)


def exit_code(status: Status) -> int:
    """What the command line exits with for a run that ended so."""
    from flowenv.states import State

    codes = {State.COMPLETED: 0, State.FAILED: 1, State.CRASHED: 3, State.CANCELLED: 3}
    return codes[status.state]


def _describe(flow_run: FlowRun) -> dict[str, Any]:
    return {
        "run_id": flow_run.id,
        "flow": flow_run.flow_name,
        "backend": flow_run.environment.backend,
        "reference": flow_run.reference if flow_run.handle else None,
        **flow_run.status.to_json(),
    }


def _print_json(stream: Any, data: dict[str, Any]) -> None:
    import json

    print(json.dumps(data, indent=2, ensure_ascii=False, default=repr), file=stream, flush=True)


def _result_json(flow_run: FlowRun) -> dict[str, Any]:
    from flowenv.encoding import is_plain
    from flowenv.errors import FlowenvError

    try:
        value = flow_run.result()
    except FlowenvError:
        return {"result": None}
    return {"result": value} if is_plain(value) else {"result": None, "result_text": repr(value)}


def print_result(flow_run: FlowRun) -> None:
    """The result on the standard output; or what the flow raised, with the user's traceback."""
    from flowenv.container import show_user_traceback
    from flowenv.errors import FlowenvError

    try:
        value = flow_run.result()
    except FlowenvError as error:
        cause = error.__cause__
        if cause is not None and not isinstance(cause, FlowenvError):
            show_user_traceback(cause)
        click.echo(f"Error: {error}", err=True)
        return
    if value is not None:
        click.echo(f"Result: {value!r}")
