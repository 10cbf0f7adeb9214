"""`flowenv result`: what a run gave."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowenv.cli.arguments.options import output_option, reference_options
from flowenv.cli.output.printing import echo, echo_json
from flowenv.cli.output.remembered import describe_remembered, remembered

if TYPE_CHECKING:
    from flowenv.environments.environment import Environment
    from flowenv.journal.entries import Remembered
    from flowenv.states import Status

Report = Callable[[object, Exception | None], None]
"""Gives a result to the user, or says why there is none."""


@click.command()
@reference_options
@click.option(
    "--save",
    "path",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write it to a file, instead of printing it; one that is there is replaced. - is the "
    "standard output. Bytes, such as a picture, and text are written as they are; else the "
    "name's end says how: .json, .csv or .parquet for a table, .npy for an array, .txt.",
)
@output_option("text", "json", elsewhere="--save")
def result(
    reference: str,
    env: str | None,
    settings: tuple[str, ...],
    plugins: tuple[str, ...],
    path: Path | None,
    output: str,
) -> int:
    """Print the result of a run, or save it.

    It waits until the run is over. REFERENCE is what `flowenv run --detach` or `flowenv runs`
    printed. Of a run that the
    platform has forgotten it prints what this machine's journal knows. Exits as the run ended.

    \b
      flowenv result REFERENCE --env prod
      flowenv result REFERENCE --env prod -o json
      flowenv result REFERENCE --env prod --save loss.png
    """
    from flowenv.cli.arguments.prepare import where_options
    from flowenv.cli.output.report import report_end
    from flowenv.cli.platform import find_environment
    from flowenv.errors import RunNotFound
    from flowenv.hooks.notifications import lines_first
    from flowenv.known_runs.attaching import attach

    save = _saver(path, output)
    environment = find_environment(env, settings, plugins, "attach")
    try:
        flow_run = attach(reference, environment)
    except RunNotFound:
        if found := remembered(reference):
            return _report(found, environment, output, save)
        raise
    with lines_first():
        flow_run.wait()
        where = where_options(flow_run, env, settings)
        return report_end(flow_run, output, where, report=save)


def _saver(path: Path | None, output: str) -> Report:
    """What becomes of the result: it is written to a file, or printed."""
    from flowenv.cli.output.report import report_result
    from flowenv.results.saved import content_for
    from flowenv.results.whole_files import check_writable, write_whole

    if path is None:
        return report_result
    if output == "json":
        raise click.UsageError("--save and -o json exclude each other.")
    if str(path) != "-":
        check_writable(path, "result")

    def save(value: object, error: Exception | None) -> None:
        if error:
            report_result(None, error)
            return
        content = content_for(value, str(path))
        if str(path) == "-":
            click.echo(content, nl=False)
            return
        write_whole(path, content, "result")
        echo(f"The result is in {path} ({len(content):,} bytes).", err=True)

    return save


def _report(found: Remembered, environment: Environment, output: str, save: Report) -> int:
    from flowenv.cli.output.report import describe_result, exit_code
    from flowenv.errors import FlowenvError

    value, error = None, None
    try:
        value = _value(found, environment)
    except FlowenvError as failure:
        error = failure
    if output == "json":
        echo_json({**describe_remembered(found), **describe_result(value, error)})
    else:
        save(value, error)
        echo(found.words, err=True)
    status: Status = found.summary.status
    return exit_code(status, lacks_result=error is not None)


def _value(found: Remembered, environment: Environment) -> object:
    from flowenv.errors import ResultUnavailable
    from flowenv.results.object_urls import results_url
    from flowenv.settings.configuration import configuration
    from flowenv.states import State

    if found.summary.status.state is not State.COMPLETED:
        return None
    if found.outcome is None:
        raise ResultUnavailable(
            f"This machine has seen that the run {found.summary.run_id} completed, but not its "
            "result.",
            hint="It sees a result that it asks for: by `flowenv run`, `attach`, `result`, or in "
            "Python by run.result().",
        )
    allow_pickle = configuration().allow_pickle
    url = results_url(environment)
    return found.outcome.value(url, allow_pickle=allow_pickle, logged=_document)


def _document(sha256: str) -> bytes:
    """A result that came by a log, which is gone."""
    from flowenv.errors import ResultUnavailable
    from flowenv.journal import store
    from flowenv.journal.notes import journal

    if (found := journal().document(sha256)) is None:
        raise ResultUnavailable(
            "The result was in the run's log, which is gone; this machine hasn't kept it.",
            hint=f"It keeps the last {store.MOST_DOCUMENTS} that it was asked for, of "
            f"{store.LARGEST_DOCUMENT // 1024} KiB at most. Set results_url for larger ones.",
        )
    return found
