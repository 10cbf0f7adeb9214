"""`flowenv report`: runs as a page to look at."""

from __future__ import annotations

from pathlib import Path

import click

from flowenv.cli.arguments.options import batch_option, platform_options
from flowenv.cli.platform import find_environment, newest_of_batch


@click.command()
@click.argument("references", metavar="REFERENCE...", nargs=-1)
@platform_options
@batch_option
@click.option(
    "--output",
    "-o",
    "path",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    required=True,
    help="The HTML file to write; one that is there is replaced. - is the standard output.",
)
def report(
    references: tuple[str, ...],
    env: str | None,
    settings: tuple[str, ...],
    plugins: tuple[str, ...],
    batch: str | None,
    path: Path,
) -> None:
    """Write a page on how runs went.

    It says when what happened, and has their logs and results. It is one HTML file that needs no
    server and no network. Only this user may read it, since logs stand in it. REFERENCE is what
    `flowenv run --detach` or `flowenv runs` printed.

    \b
      flowenv report REFERENCE --env prod -o run.html
      flowenv report --batch days --env prod -o days.html
    """
    from flowenv.cli.output.printing import echo
    from flowenv.known_runs.attaching import attach
    from flowenv.reports.page import check_report
    from flowenv.reports.page import report as write_report

    if bool(references) == (batch is not None):
        raise click.UsageError("Give REFERENCEs, or --batch NAME.")
    if str(path) != "-":
        check_report(path)
    needed = ("attach", "find") if batch else ("attach",)
    environment = find_environment(env, settings, plugins, *needed)
    title = ""
    if batch:
        found, title = newest_of_batch(batch, environment), batch.partition("=")[2]
        references = tuple(one.run.reference for one in found)
    runs = [attach(reference, environment) for reference in references]
    if str(path) == "-":
        click.echo(str(write_report(runs, title=title)))
        return
    write_report(runs, path, title=title)
    echo(f"The report is in {path}.", err=True)
