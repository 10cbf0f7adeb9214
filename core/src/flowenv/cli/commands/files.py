"""`flowenv files`: what a run left in its output folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowenv.cli.options import output_option, reference_options
from flowenv.cli.printing import echo, echo_json, echo_table

if TYPE_CHECKING:
    from flowenv.results.output_files import OutputFiles
    from flowenv.runs.environment import Environment


@click.command()
@reference_options
@click.option(
    "--directory",
    "-d",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write them there; nothing that is there is replaced.",
)
@output_option("text", "json")
def files(
    reference: str,
    env: str | None,
    settings: tuple[str, ...],
    plugins: tuple[str, ...],
    directory: Path | None,
    output: str,
) -> None:
    """List, or fetch, the files that a run left.

    REFERENCE is what `flowenv run --detach` or `flowenv runs` printed. A flow leaves files in the
    folder that `flowenv.output_dir()` gives, and the variable FLOWENV_OUTPUT.

    \b
      flowenv files REFERENCE --env prod
      flowenv files REFERENCE --env prod -d results
    """
    from flowenv.cli.platform import find_environment

    found = _files(reference, find_environment(env, settings, plugins, "attach"))
    paths = _saved(found, directory) if directory else []
    if output == "json":
        echo_json(_described(found, paths))
    elif directory:
        echo("\n".join(map(str, paths)) if paths else "No files.", err=not paths)
    elif found:
        echo_table([[name, f"{size:,}"] for name, size in found.sizes.items()], ["file", "bytes"])
    else:
        echo("No files.", err=True)


def _saved(found: OutputFiles, folder: Path) -> list[Path]:
    from flowenv.errors import FlowenvError

    try:
        return found.save(folder)
    except FlowenvError:  # of which one is an OSError, too
        raise
    except OSError as error:
        raise FlowenvError(f"Files can't be written to {folder}: {error.strerror}.") from error


def _described(found: OutputFiles, paths: list[Path]) -> list[dict[str, object]]:
    written = dict(zip(sorted(found), map(str, paths), strict=False))
    return [
        {"name": name, "bytes": size, "path": written.get(name)}
        for name, size in sorted(found.sizes.items())
    ]


def _files(reference: str, environment: Environment) -> OutputFiles:
    from flowenv.cli.remembered import remembered
    from flowenv.errors import RunNotFound
    from flowenv.hooks.notifications import lines_first
    from flowenv.runs.files_of_run import files_of_run
    from flowenv.runs.flow_run import FlowRun
    from flowenv.submission.attaching import attach

    try:
        flow_run = attach(reference, environment)
    except RunNotFound:
        if not (found := remembered(reference)):
            raise
        about = found.summary
        forgotten = FlowRun(environment, id=about.run_id, flow_name=about.flow)
        return files_of_run(forgotten, about.status, found.outcome)
    with lines_first():
        return flow_run.files()
