"""The executor interface, and the active executor of a running flow."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from flowenv.errors import SettingError
from flowenv.settings.declaration import check_type, settings_of

if TYPE_CHECKING:
    import concurrent.futures

_active: contextvars.ContextVar[concurrent.futures.Executor | None] = contextvars.ContextVar(
    "flowenv_active_executor", default=None
)


class Executor:
    """Where the parallel work inside a flow runs: data, opened while a flow runs.

    Subclasses are dataclasses of plain settings and implement `_open`. While an executor
    is open, Dask collections and `delayed` compute on it, and `get_executor` gives it.

    Attributes:
        elsewhere: True if workers may be on other machines, which need the flow's own files.
    """

    elsewhere: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for one in settings_of(type(self)):
            name = f"{type(self).__name__} {one.name}"
            check_type(getattr(self, one.name), one.annotation, name, hint=one.reminder)

    @contextlib.contextmanager
    def open(self, source_files: Sequence[Path] = ()) -> Iterator[Any]:
        """Open the executor, make it the active one, and close it at the end.

        Args:
            source_files: the flow's own files, for executors whose workers can't see this
                process's file system.
        """
        with self._open(source_files) as pool, active(pool):
            yield pool

    def check(self) -> None:
        """Check, where the flow is to run, that what opening needs is installed.

        Raises:
            SettingError: if it isn't; before the run begins.
        """

    def _open(
        self, source_files: Sequence[Path]
    ) -> contextlib.AbstractContextManager[concurrent.futures.Executor]:
        raise NotImplementedError(f"{type(self).__name__} doesn't implement _open().")


@contextlib.contextmanager
def active(pool: concurrent.futures.Executor) -> Iterator[None]:
    """Make an open pool the one that `get_executor` gives."""
    token = _active.set(pool)
    try:
        yield
    finally:
        _active.reset(token)


def get_executor() -> concurrent.futures.Executor:
    """The active executor as a `concurrent.futures.Executor`; outside a flow a serial one.

    Don't shut it down: who opened it closes it.

    >>> from flowenv import get_executor
    >>> list(get_executor().map(len, ["a", "bb"]))
    [1, 2]
    """
    pool = _active.get()
    if pool is not None:
        return pool
    from flowenv.executors.serial import SerialPool

    return SerialPool()


def check_executor(executor: object) -> None:
    """Check that an object is an executor, or None.

    Raises:
        SettingError: a TypeError that names what it is instead.
    """
    if executor is None or isinstance(executor, Executor):
        return
    what = (
        f"the class {executor.__name__}, not an instance"
        if isinstance(executor, type)
        else f"{type(executor).__module__}.{type(executor).__qualname__}"
    )
    raise SettingError(
        f"executor must be a flowenv Executor, but it is {what}.",
        hint="Use LocalExecutor(), LocalDaskExecutor() or DaskExecutor().",
    )
