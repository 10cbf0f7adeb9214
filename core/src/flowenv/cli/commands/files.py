"""`flowenv files`: what a run left in its output folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowenv.cli.arguments.options import batch_option, output_option, platform_options
from flowenv.cli.output.printing import echo, echo_json, echo_table
from flowenv.wording import shown

if TYPE_CHECKING:
    from flowenv.environments.environment import Environment
    from flowenv.results.output_files import OutputFiles

_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@click.command()
@click.argument("reference", metavar="REFERENCE", required=False)
@platform_options
@batch_option
@click.option(
    "--directory",
    "-d",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write them there; nothing that is there is replaced.",
)
@output_option("text", "json", elsewhere="-d")
def files(
    reference: str | None,
    env: str | None,
    settings: tuple[str, ...],
    plugins: tuple[str, ...],
    batch: str | None,
    directory: Path | None,
    output: str,
) -> int:
    """List, or fetch, the files that a run left.

    REFERENCE is what `flowenv run --detach` or `flowenv runs` printed. A flow leaves files in the
    folder that `flowenv.output_dir()` gives, and the variable FLOWENV_OUTPUT. Those of a batch's
    runs are written to a folder for each run, which is called as the end of its reference and
    the run's id.

    \b
      flowenv files REFERENCE --env prod
      flowenv files REFERENCE --env prod -d results
      flowenv files --batch days --env prod -d results
    """
    from flowenv.cli.platform import find_environment

    if (reference is None) == (batch is None):
        raise click.UsageError("Give a REFERENCE, or --batch NAME.")
    if batch is not None:
        environment = find_environment(env, settings, plugins, "attach", "find")
        return _of_batch(batch, environment, directory, output)
    found = _files(str(reference), find_environment(env, settings, plugins, "attach"))
    wanted, left_out = found.without_configurations() if directory else (found, [])
    paths = _saved(wanted, directory) if directory else {}
    if output == "json":
        echo_json(_described(found, paths))
    elif directory:
        echo("\n".join(map(str, paths.values())) if paths else "No files.", err=not paths)
    elif found:
        echo_table([[name, f"{size:,}"] for name, size in found.sizes.items()], ["file", "bytes"])
    else:
        echo("No files.", err=True)
    return _tell_left_out(left_out)


def _of_batch(label: str, environment: Environment, directory: Path | None, output: str) -> int:
    """List, or fetch, the files of the newest runs of a batch's rows that are over."""
    from flowenv.batches.earlier_runs import of_others
    from flowenv.cli.platform import newest_of_batch
    from flowenv.errors import FlowenvError

    described, code = list[dict[str, object]](), 0
    runs = newest_of_batch(label, environment)
    if words := of_others(runs):
        echo(words, err=True)
    for reference, run_id in ((one.run.reference, one.run.run_id) for one in runs):
        try:
            found = _files(reference, environment, is_waited_for=False)
            wanted, left_out = found.without_configurations() if directory else (found, [])
            folder = _folder_of(reference, run_id) if directory else ""
            paths = _saved(wanted, directory, folder) if directory and wanted else {}
        except FlowenvError as error:
            code = code or error.exit_code
            echo(shown(f"Error: {reference}: {error}"), err=True)
            continue
        code = code or _tell_left_out(left_out)
        described += [{"reference": reference, **one} for one in _described(found, paths)]
    if output == "json":
        echo_json(described)
    elif directory and described:
        echo("\n".join(str(one["path"]) for one in described if one["path"]))
    elif described:
        rows = [[str(one["reference"]), str(one["name"]), f"{one['bytes']:,}"] for one in described]
        echo_table(rows, ["reference", "file", "bytes"])
    else:
        echo("No files.", err=True)
    return code


def _folder_of(reference: str, run_id: str) -> str:
    """What a run's folder is called: with an id, so that it is none which the user has already.

    Labels and the names of Jobs can be anybody's, such as `tests` or `numpy`.

    Raises:
        PlatformError: if the run's id is none.
    """
    from flowenv.errors import PlatformError

    if not _ID.fullmatch(run_id):
        raise PlatformError(f"Its files aren't written: {run_id!r} is no id of a run.")
    end = re.sub(r"[^\w.-]", "_", reference.rpartition("/")[2]).lstrip(".")
    return end if _ID.fullmatch(end) else f"{end}-{run_id}"


def _tell_left_out(names: list[str]) -> int:
    """Say what wasn't written, and return the exit code."""
    from flowenv.errors import ResultUnavailable

    for name in names:
        echo(
            f"Not written: {shown(name, lines=False)}. flowenv would take it for a configuration, "
            "which can name code to run.",
            err=True,
        )
    return ResultUnavailable.exit_code if names else 0


def _saved(found: OutputFiles, directory: Path, folder: str = "") -> dict[str, Path]:
    """Write files, and return where each is.

    The folder is part of the files' names, so that no symbolic link of its name is followed.
    """
    from flowenv.errors import FlowenvError
    from flowenv.results.output_files import OutputFiles

    above = f"{folder}/" if folder else ""
    sizes = {above + name: size for name, size in found.sizes.items()}
    placed = OutputFiles(sizes, lambda name: found[name.removeprefix(above)])
    try:
        return dict(zip(sorted(found), placed.save(directory), strict=True))
    except FlowenvError:  # of which one is an OSError, too
        raise
    except OSError as error:
        raise FlowenvError(f"Files can't be written to {directory}: {error.strerror}.") from error


def _described(found: OutputFiles, paths: dict[str, Path]) -> list[dict[str, object]]:
    return [
        {"name": name, "bytes": size, "path": str(paths[name]) if name in paths else None}
        for name, size in sorted(found.sizes.items())
    ]


def _files(reference: str, environment: Environment, *, is_waited_for: bool = True) -> OutputFiles:
    from flowenv.cli.output.remembered import remembered
    from flowenv.errors import ResultUnavailable, RunNotFound
    from flowenv.hooks.notifications import lines_first
    from flowenv.known_runs.attaching import attach
    from flowenv.runs.files_of_run import files_of_run
    from flowenv.runs.flow_run import FlowRun

    try:
        flow_run = attach(reference, environment)
    except RunNotFound:
        if not (found := remembered(reference)):
            raise
        about = found.summary
        forgotten = FlowRun(environment, id=about.run_id, flow_name=about.flow)
        return files_of_run(forgotten, about.status, found.outcome)
    with lines_first():
        if not (is_waited_for or flow_run.state.is_final):
            raise ResultUnavailable(f"The run is {flow_run.last_status.state.value}.")
        return flow_run.files()
