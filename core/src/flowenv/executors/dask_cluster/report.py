"""Dask's performance report: can it be made, and written without a say in how the run ends."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flowenv.contract import FLOW_RUN_ID, OUTPUT
from flowenv.errors import SettingError

_log = logging.getLogger("flowenv")


def check_report_here() -> None:
    """Check that a scheduler in this process can draw the report.

    Raises:
        SettingError: if bokeh isn't installed.
    """
    if importlib.util.find_spec("bokeh") is None:
        raise _no_bokeh("here")


def has_dashboard(client: Any) -> bool:
    """Whether a scheduler's dashboard shows something: without bokeh it is an empty page."""

    # functions inside a function are pickled whole: the scheduler's image may lack flowenv
    def has_bokeh() -> bool:
        import importlib.util

        return importlib.util.find_spec("bokeh") is not None

    return bool(client.run_on_scheduler(has_bokeh))


def check_report_of(client: Any) -> None:
    """Check that a client's scheduler, which draws the report, is able to.

    Raises:
        SettingError: if bokeh isn't installed there.
    """
    if not has_dashboard(client):
        raise _no_bokeh("where the Dask scheduler runs")


def _no_bokeh(where: str) -> SettingError:
    return SettingError(
        f"performance_report_path needs bokeh, which isn't installed {where}.",
        hint="Run: pip install bokeh",
    )


@contextlib.contextmanager
def report_to(path: str) -> Iterator[None]:
    """Have Dask write its report of what is computed in the block; a failure is logged only.

    Args:
        path: where it is written, an HTML file; in a flow's container, where a working directory
            is gone with it, a relative path is one in the run's output folder.
    """
    import distributed

    if os.environ.get(FLOW_RUN_ID) and (output := os.environ.get(OUTPUT)):
        path = str(Path(output, path))
        with contextlib.suppress(OSError):  # Dask will say that it can't write there
            Path(path).parent.mkdir(parents=True, exist_ok=True)
    report = distributed.performance_report(filename=path)
    report.__enter__()
    try:
        yield
    finally:
        try:
            report.__exit__(None, None, None)
        except Exception as error:  # the run's result is more than its report
            _log.warning(
                "Dask's performance report couldn't be written to %s: %s: %s",
                path,
                type(error).__name__,
                error,
            )
        else:
            _log.info("Dask's performance report was written to %s", Path(path).absolute())
