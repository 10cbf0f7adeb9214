"""`flowenv run`: run a flow, show how it goes, exit as it ended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowenv.cli.arguments.each_options import check_options, each_options
from flowenv.cli.arguments.options import flow_options, output_option

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowenv.runs.flow_run import FlowRun
    from flowenv.submission.prepared import Prepared


@click.command()
@flow_options
@click.option(
    "--detach",
    is_flag=True,
    help="Submit the run, with --each all of them, print the references, and leave.",
)
@click.option(
    "--rehearse",
    is_flag=True,
    help="Run what the container would run, its variables and payload, in a local process.",
)
@click.option(
    "--report",
    "page",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a page on the run to an HTML file when it is over, as `flowenv report` does.",
)
@each_options
@output_option("text", "json")
def run(
    env: str | None,
    settings: tuple[str, ...],
    detach: bool,
    rehearse: bool,
    page: Path | None,
    output: str,
    **options: Any,
) -> int:
    """Run a flow where its environment says.

    TARGET is file.py, file.py:flow or package.module:flow.

    \b
      flowenv run flow.py
      flowenv run flow.py -p size=3 -p names=a,b -s executor=LocalDaskExecutor
      flowenv run flow.py -s 'executor={"type": "LocalDaskExecutor", "num_workers": 2}'
      flowenv run flow.py -s executor.type=LocalDaskExecutor -s executor.num_workers=2
      flowenv run flow.py --env k8s -s metadata.image=repo/flow:1
      flowenv run flow.py --env prod --variable REGION=eu-west-1
      flowenv run flow.py --env prod --rehearse
      flowenv run flow.py --env prod --detach -o json
      flowenv run flow.py --env prod --each days.csv --at-once 50
      flowenv run flow.py --env prod --each days.csv --detach

    The result is printed to the standard output behind the flow's log; changes of state and
    the time of each phase go to the standard error. With -o json the standard output holds
    the JSON alone, also of a run that is interrupted. Ctrl-C cancels the run; a second one
    leaves at once. Exits as the run ended: 0 completed, 1 failed, 3 crashed, 4 completed without
    its result, 130 interrupted; with --each as the worst of them.
    """
    from flowenv.cli.arguments.prepare import prepare_run, where_options
    from flowenv.cli.output.stdout import readers_may_leave
    from flowenv.hooks.notifications import lines_first

    if detach and rehearse:
        raise click.UsageError("--detach and --rehearse exclude each other.")
    if page:
        _check_page(page, is_possible=not (detach or rehearse))
    of_batch = check_options(options)
    if of_batch["each"]:
        if rehearse:
            raise click.UsageError("--each doesn't go with --rehearse.")
        if detach and of_batch["at_once"]:
            raise click.UsageError(
                "--at-once doesn't go with --detach: nobody would be there to submit the runs that "
                "wait."
            )
        return _run_each(env, settings, output, of_batch, page, detach=detach, **options)
    prepared = prepare_run(env=env, settings=settings, **options)
    if rehearse:
        return _rehearse(prepared, output)
    where = where_options(prepared.flow_run, env, settings)
    with lines_first(), readers_may_leave():
        if detach:
            return _detach(prepared, where, output)
        return _with_page(lambda: _run(prepared, where, output), page, lambda: [prepared.flow_run])


def _check_page(page: Path, *, is_possible: bool) -> None:
    from flowenv.reports.page import check_report

    if not is_possible:
        raise click.UsageError("--report goes with neither --detach nor --rehearse.")
    check_report(page)


def _with_page(
    call: Callable[[], int],
    page: Path | None,
    runs: Callable[[], Sequence[FlowRun]],
    title: str = "",
) -> int:
    """Follow runs to their end, and write the page on them, also if they are cancelled."""
    from flowenv.cli.following.interrupts import INTERRUPTED, came_twice

    try:
        code = call()
    except KeyboardInterrupt:
        if page and not came_twice():
            _write_page(page, runs(), INTERRUPTED, title)
        raise
    return _write_page(page, runs(), code, title) if page else code


def _write_page(page: Path, runs: Sequence[FlowRun], code: int, title: str = "") -> int:
    """Write the page on runs, and return the exit code: how they ended is what counts first."""
    from flowenv.cli import BUG
    from flowenv.cli.output.printing import echo
    from flowenv.errors import FlowenvError
    from flowenv.reports.page import report

    try:
        report(runs, page, title=title)
    except FlowenvError as error:
        echo(f"Error: there is no report: {error}", err=True)
        return code or BUG
    echo(f"The report is in {page}.", err=True)
    return code


def _say_image(flow_run: FlowRun) -> None:
    """Say which image is taken where nobody has set one."""
    from flowenv.cli.output.printing import echo

    if flow_run.image and not flow_run.chosen_image:
        echo(f"No image is set: {flow_run.image} is taken.", err=True)


def _say_unused(prepared: Prepared) -> None:
    """Say which secrets are configured and reach nobody: that is seldom what was meant."""
    from flowenv.cli.output.printing import echo
    from flowenv.registry.registry import registry
    from flowenv.settings.configuration import configuration
    from flowenv.settings.unused_secrets import how_to_use, unused_secrets

    if not configuration().secrets or registry().plugins():  # a plugin may ask for any, any time
        return
    for name in unused_secrets(configuration(), prepared.flow_run.variables):
        if name not in prepared.hooks.asked_for:
            echo(f"Nothing uses the secret {name} of [secrets]: {how_to_use(name)}", err=True)


def _run_each(
    env: str | None,
    settings: tuple[str, ...],
    output: str,
    of_batch: dict[str, Any],
    page: Path | None,
    *,
    detach: bool,
    **options: Any,
) -> int:
    from flowenv.batches.mapping import make_batch
    from flowenv.cli.arguments.each_options import default_name
    from flowenv.cli.arguments.prepare import parse_variables, prepare_flow, where_options
    from flowenv.cli.arguments.rows_file import read_rows
    from flowenv.cli.following.each import run_each, submit_each
    from flowenv.cli.output.stdout import readers_may_leave
    from flowenv.hooks.notifications import lines_first

    labels, variables = options.pop("labels"), parse_variables(options.pop("variables"))
    flow, environment, common = prepare_flow(env=env, settings=settings, **options)
    rows = read_rows(of_batch["each"], flow, common)
    called = of_batch["batch"]
    batch = make_batch(
        flow,
        rows,
        environment=environment,
        parameters={},
        labels=labels,
        variables=variables,
        at_once=of_batch["at_once"],
        name=default_name(flow, rows) if called is None else called,
        again=of_batch["again"],
        only_failed=of_batch["only_failed"],
    )
    where = where_options(batch.rows[0].draft, env, settings) if batch.rows else ""
    with lines_first(), readers_may_leave():
        if detach:
            return submit_each(batch, output, where)
        return _with_page(
            lambda: run_each(batch, output, where),
            page if batch.rows else None,
            lambda: [row.run for row in batch.rows],
            batch.name,
        )


def _run(prepared: Prepared, where: str, output: str) -> int:
    from flowenv.cli.following.follow import follow_to_end

    prepared.spec  # noqa: B018 - what is wrong with it shows before anything is followed
    _say_image(prepared.flow_run)
    _say_unused(prepared)
    return follow_to_end(prepared.flow_run, where, output, submit=prepared.submit)


def _detach(prepared: Prepared, where: str, output: str) -> int:
    from flowenv.cli.following.follow import Follower
    from flowenv.cli.output.printing import echo, echo_json, results
    from flowenv.cli.output.report import describe
    from flowenv.errors import UnsupportedOperation

    flow_run = prepared.flow_run
    if not flow_run.environment.capabilities.attach:
        raise UnsupportedOperation(
            f"The backend {flow_run.environment.backend} can't be left: nobody could pick the "
            "run up again.",
            hint="Run it without --detach.",
        )
    prepared.spec  # noqa: B018 - as above
    _say_image(prepared.flow_run)
    _say_unused(prepared)
    with Follower(flow_run, where) as follower:
        follower.submit(prepared.submit)
    if output == "json":
        echo_json(describe(flow_run))
    else:
        echo(flow_run.reference, file=results())
        echo(f"Follow it with: flowenv attach {flow_run.reference}{where}", err=True)
    return 0


def _rehearse(prepared: Prepared, output: str) -> int:
    from flowenv.cli.output.printing import echo, echo_json
    from flowenv.cli.output.report import describe_result, exit_code, report_result
    from flowenv.submission.rehearsal import absent_plugins, rehearse

    for line in absent_plugins():
        echo(line, err=True)
    rehearsed = rehearse(prepared)
    if rehearsed.unresolved:
        names = ", ".join(rehearsed.unresolved)
        echo(f"Only the platform sets these variables: {names}", err=True)
    if output == "json":
        data = {"rehearsal": True, "flow": prepared.flow_run.flow_name}
        result = describe_result(rehearsed.result, rehearsed.result_error)
        echo_json({**data, **rehearsed.status.to_json(), **result})
    else:
        report_result(rehearsed.result, rehearsed.result_error, "-o json")
        echo(f"Rehearsed: {rehearsed.status}", err=True)
    return exit_code(rehearsed.status, lacks_result=rehearsed.result_error is not None)
