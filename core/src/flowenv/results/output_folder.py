"""The folder in which a flow leaves files, and how a flow finds it."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Protocol

from flowenv.contract import FLOW_RUN_ID, OUTPUT
from flowenv.errors import PlatformError, UnsupportedOperation

HERE = "flowenv-output"
"""The folder, where a flow runs in the caller's process, that holds those of the runs."""
_LONGEST_NAME = 60


class HasOutput(Protocol):
    """A run, as far as its folder goes."""

    id: str
    flow_name: str
    output: Path | None


_current: ContextVar[Path | None] = ContextVar("flowenv_output", default=None)
_lock = threading.Lock()
_open: list[Path] = []
_given: list[str | None] = []


def output_dir() -> Path:
    """The folder whose files come back with the run, as `FlowRun.files()` and `flowenv files`.

    Where a platform runs the flow it is a folder of the container, and `FLOWENV_OUTPUT` names it,
    too. In the caller's own process it is `flowenv-output/FLOW-ID` in the working directory, unless
    `FLOWENV_OUTPUT` names another one. It is made when it isn't there.

    Raises:
        PlatformError: if the folder can't be made.
        UnsupportedOperation: in a container that isn't the flow's own, such as a worker's of
            Dask: nothing comes back from there.

    >>> import tempfile, os
    >>> os.environ["FLOWENV_OUTPUT"] = tempfile.mkdtemp()
    >>> written = (output_dir() / "table.csv").write_text("a,b")
    >>> del os.environ["FLOWENV_OUTPUT"]
    """
    named = os.environ.get(OUTPUT)
    folder = _current.get() or (Path(named) if named else None)
    if folder is None and os.environ.get(FLOW_RUN_ID):
        raise UnsupportedOperation(
            "output_dir() is only there in the flow's own process.",
            hint="Have workers return what they make, and the flow write it.",
        )
    folder = folder or Path(HERE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PlatformError(
            f"The output folder {folder} can't be made: {error.strerror}.",
            hint=f"Set {OUTPUT} to a folder that can be written to.",
        ) from None
    return folder


@contextmanager
def output_folder(run: HasOutput) -> Iterator[None]:
    """Have `output_dir()` and `FLOWENV_OUTPUT` name the run's folder in the block.

    Args:
        run: its `output` is set, unless it is already.
    """
    if run.output is None:
        run.output = folder_here(run)
    token = _current.set(run.output)
    _enter(run.output)
    try:
        yield
    finally:
        _leave(run.output)
        _current.reset(token)


def folder_here(run: HasOutput) -> Path:
    """The folder of a run whose flow runs on the caller's own machine."""
    return _of_caller() or Path(HERE, _name(run)).absolute()


def _name(run: HasOutput) -> str:
    flow = re.sub(r"[^\w.-]+", "-", run.flow_name).strip(".-")[:_LONGEST_NAME] or "flow"
    return f"{flow}-{run.id[:8]}"


def _of_caller() -> Path | None:
    """The folder that the variable names, if it isn't that of a run."""
    with _lock:
        named = _given[0] if _given else os.environ.get(OUTPUT)
    return Path(named).absolute() if named else None


def _enter(folder: Path) -> None:
    with _lock:
        if not _open:
            _given[:] = [os.environ.get(OUTPUT)]
        _open.append(folder)
        os.environ[OUTPUT] = str(folder)


def _leave(folder: Path) -> None:
    """The variable names the folder of a run that still goes on, or what it named before."""
    with _lock:
        _open.remove(folder)
        named = str(_open[-1]) if _open else _given[0]
        if named is None:
            os.environ.pop(OUTPUT, None)
        else:
            os.environ[OUTPUT] = named
        if not _open:
            _given.clear()
