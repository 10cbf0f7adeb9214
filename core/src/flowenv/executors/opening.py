"""Opening the executor of a flow, or the default one, and closing it in every case."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from flowenv.contract import EXECUTOR
from flowenv.errors import FlowenvError, PlatformError, SettingError
from flowenv.executors.base import Executor, check_executor
from flowenv.states import Reason


def check_executor_here(executor: Executor | None) -> None:
    """Check that the executor that a flow would get can be had here, before the run begins.

    Raises:
        SettingError: if it can't: a wrong name, or something that isn't installed.
    """
    (executor if executor is not None else default_executor()).check()


@contextlib.contextmanager
def open_executor(
    executor: Executor | None, source_files: Callable[[], Sequence[Path]] = tuple
) -> Iterator[Any]:
    """Open an executor, or the default one, and make it the active one.

    Args:
        executor: the executor; None for the default.
        source_files: gives the flow's own files; asked only if the executor's workers need them.
    """
    check_executor(executor)
    chosen = executor if executor is not None else default_executor()
    opened = chosen.open(source_files() if chosen.elsewhere else ())
    pool = _open(opened, type(chosen).__name__)
    try:
        yield pool
    except BaseException as error:
        _close(opened, error)
        raise
    _close(opened, None)


def _open(opened: contextlib.AbstractContextManager[Any], name: str) -> Any:
    try:
        return opened.__enter__()
    except FlowenvError:
        raise
    except Exception as error:
        raise PlatformError(
            f"The executor {name} can't be opened: {type(error).__name__}: {error}",
            reason=Reason.START_ERROR,
        ) from error


def _close(opened: contextlib.AbstractContextManager[Any], error: BaseException | None) -> None:
    """Close an executor. What goes wrong then is logged: it must not hide how the flow ended.

    Raises:
        PlatformError: if the executor says that this is why the flow failed: its cluster is
            lost, and the flow's own exception is only what came of it.
    """
    kind, frames = (type(error), error.__traceback__) if error else (None, None)
    try:
        opened.__exit__(kind, error, frames)
    except Exception as failure:
        if isinstance(failure, PlatformError) and failure.__cause__ is error is not None:
            raise
        if failure is not error:
            import logging

            logging.getLogger("flowenv").exception("The executor could not be closed properly")


def default_executor() -> Executor:
    """The executor that `PREFECT__ENGINE__EXECUTOR__DEFAULT_CLASS` names, else LocalExecutor.

    Raises:
        SettingError: if the variable names no executor class.
    """
    dotted = os.environ.get(EXECUTOR)
    if not dotted:
        from flowenv.executors.local import LocalExecutor

        return LocalExecutor()
    from flowenv.executors.by_name import make_executor

    try:
        return make_executor(dotted, {})
    except SettingError as error:
        raise SettingError(f"{EXECUTOR} is {dotted!r}: {error.message}", hint=error.hint) from error
