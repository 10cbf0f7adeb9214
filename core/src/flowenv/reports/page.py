"""A report as one HTML page: it opens from disk, asks nobody for anything, and runs nothing else.

What came from elsewhere is escaped by the template, and the page's own policy allows no script
but the one that is its own.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

from flowenv.errors import ConfigurationError, FlowenvError
from flowenv.reports.contents import RunContents, contents_of
from flowenv.reports.overview import WRONG, causes, counted, in_a_line, place_of
from flowenv.reports.texts import moment, text
from flowenv.results.whole_files import OWN, check_writable, write_whole
from flowenv.runs.flow_run import FlowRun
from flowenv.runs.timeline import PHASE_COLOURS, WIDTH, Scale, duration

MOST_WHOLE = 100
"""So many runs on a page have their logs and specs with them: of more those that went wrong."""

MOST_COLUMNS = 50
"""The parameters that the table of many runs has columns for; each run's own are with it."""

READERS = 8
"""How many runs are looked at at a time."""


class Page(str):
    """HTML. A cell of a notebook that ends in it shows how long it is, not all of it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<a page of {len(self):,} characters>"


def report(
    runs: FlowRun | Sequence[FlowRun],
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "",
) -> str:
    """A page on one run, or on many.

    Args:
        runs: a run, or several, of this process or of others.
        path: a file to write it to, too, which only this user may read: it holds logs. One that
            is there is replaced; a pipe or a device is written to.
        title: what the page is called; by default the flow's name.

    Returns:
        HTML.

    Raises:
        ConfigurationError: if Jinja2 isn't installed: it is the extra `report`.
        FlowenvError: if the platform can't be asked, or the file can't be written.

    >>> import flowenv
    >>> html = flowenv.report(flowenv.submit(dict, n=5))
    >>> "Completed" in html, "<script src" in html
    (True, False)
    """
    chosen = [runs] if isinstance(runs, FlowRun | str) else list(runs)
    if wrong := [one for one in chosen if not isinstance(one, FlowRun)]:
        raise FlowenvError(
            f"{wrong[0]!r} is no run.", hint="flowenv.attach(reference, environment) gives one."
        )
    if not chosen:
        raise FlowenvError("There is no run to report on.")
    page = _rendered(_read(chosen), title)
    if path is not None:
        write_whole(Path(path), page.encode(), "report", mode=OWN)
    return Page(page)


def _read(runs: Sequence[FlowRun]) -> list[RunContents]:
    """What there is to say of the runs; of very many those that went wrong are whole."""
    many = len(runs)
    pool = ThreadPoolExecutor(READERS, thread_name_prefix="flowenv-report")
    try:
        if many <= MOST_WHOLE:
            return list(pool.map(partial(contents_of, of=many), runs))
        found = list(pool.map(partial(contents_of, in_full=False), runs))
        wrong = [i for i in range(many) if found[i].status.state in WRONG][:MOST_WHOLE]
        whole = partial(contents_of, of=max(len(wrong), 2))
        for i, contents in zip(wrong, pool.map(whole, [runs[i] for i in wrong]), strict=True):
            found[i] = contents
        return found
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # an interrupt doesn't wait


def check_report(path: Path) -> None:
    """Check, before there is a run, that a page on it can be written.

    Args:
        path: the file.

    Raises:
        ConfigurationError: if Jinja2 isn't installed, or the folder isn't there or can't be
            written to.
    """
    _template()
    check_writable(path, "report")


def _rendered(runs: Sequence[RunContents], title: str) -> str:
    now = datetime.datetime.now(datetime.UTC)
    script = _file("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    values = {
        "title": text(title or runs[0].flow),
        "style": _file("report.css"),
        "script": script,
        "policy": policy,
        "moment": moment,
        "duration": duration,
        "place_of": place_of,
        "colours": PHASE_COLOURS,
        "width": WIDTH,
        "now": now,
    }
    return str(_template().render(**values, **_values(runs, now)))


def _values(runs: Sequence[RunContents], now: datetime.datetime) -> dict[str, Any]:
    """What the template shows of the runs."""
    why, more = causes(runs)
    names = list(dict.fromkeys(fact.name for run in runs for fact in run.parameters))
    over = [run for run in runs if run.status.state.is_final]
    longest = max((run.phases for run in over or runs), key=lambda one: Scale([one], now).seconds)
    return {
        "runs": runs,
        "is_many": len(runs) > 1,
        "counts": counted(runs),
        "overview": in_a_line(runs, now),
        "causes": why,
        "more_causes": more,
        "results": any(run.result for run in runs),
        "all_whole": all(run.is_whole for run in runs),
        "numbers": [number for number, run in enumerate(runs, 1) if run.is_whole],
        "scale": Scale([run.phases for run in runs], now),
        "scale_of": lambda run: Scale([run.phases], now),
        "longest": Scale([longest], now),
        "values": lambda run: {fact.name: fact.value for fact in run.parameters},
        "seen": {phase.name for run in runs for phase in run.phases},
        "columns": names[:MOST_COLUMNS],
        "more_columns": max(len(names) - MOST_COLUMNS, 0),
    }


def _template() -> Any:
    try:
        import jinja2
    except ImportError as error:
        raise ConfigurationError(
            "A report needs Jinja2.", hint="Install Jinja2, or flowenv with its extra `report`."
        ) from error
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_file("report.html.jinja"))


def _file(name: str) -> str:
    return (resources.files("flowenv.reports") / "templates" / name).read_text("utf-8")
