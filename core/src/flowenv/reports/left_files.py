"""The files that a run left, as a page lists them: names and sizes, and small pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowenv.errors import FlowenvError
from flowenv.reports.pictures import LARGEST, Picture, picture
from flowenv.results.output_files import OutputFiles
from flowenv.runs.files_of_run import left_files
from flowenv.runs.flow_run import FlowRun
from flowenv.wording import shown

MOST_NAMES = 200
"""The files that a page names; how many more there are is said."""
DASK = "Dask's performance report"
_DASK_TITLE = b"<title>Dask Performance Report</title>"
_HEAD, _LARGEST_REPORT = 4096, 64 * 1024 * 1024


@dataclass(frozen=True)
class ListedFile:
    """A file of a run.

    Args:
        name: its name.
        size: its bytes.
        picture: what it shows, if it is a small picture and there was room for it.
        kind: what else it is known to be; empty if nothing.
    """

    name: str
    size: int
    picture: Picture | None = None
    kind: str = ""


def listed_files(
    flow_run: FlowRun, *, room: int, from_afar: bool
) -> tuple[Sequence[ListedFile], str]:
    """The files that a run left, and what is to be said of them; nothing for one that goes on.

    Args:
        flow_run: the run.
        room: the bytes that there are for pictures.
        from_afar: whether to read files that are in a store: they may be large.
    """
    if not flow_run.last_status.state.is_final:
        return (), ""
    try:
        left = left_files(flow_run, flow_run.read_outcome())
        if left is None:
            return (), ""
        if left.problem:
            return (), shown(f"It left files, which stayed behind: {left.problem}.")
        if left.where == "results_url" and not from_afar:
            return (), shown(f"It left files: flowenv files {flow_run.reference}")
        return _listed(flow_run.files(), room)
    except (FlowenvError, OSError) as error:
        return (), shown(f"Its files can't be read: {error}")


def _listed(files: OutputFiles, room: int) -> tuple[Sequence[ListedFile], str]:
    names, found = sorted(files)[:MOST_NAMES], list[ListedFile]()
    for name in names:
        size, seen, kind = files.sizes[name], None, ""
        if name.lower().endswith(".png") and size <= min(LARGEST, room):
            seen = picture(files[name])
            room -= size if seen else 0
        elif _is_dasks(files, name):
            kind = DASK
        found.append(ListedFile(shown(name, lines=False), size, seen, kind))
    more = len(files) - len(names)
    return found, f"There are {more:,} more." if more else ""


def _is_dasks(files: OutputFiles, name: str) -> bool:
    """Whether a file is Dask's performance report: HTML of which nothing may come into a page."""
    is_page = name.lower().endswith((".html", ".htm")) and files.sizes[name] <= _LARGEST_REPORT
    return is_page and _DASK_TITLE in files[name][:_HEAD]
