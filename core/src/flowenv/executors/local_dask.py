"""The executor on Dask's own schedulers: threads or processes of this machine."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from flowenv.errors import SettingError
from flowenv.executors.base import Executor
from flowenv.executors.dask_import import dask_settings, import_dask
from flowenv.settings.declaration import nearest, setting

if TYPE_CHECKING:
    import concurrent.futures

_DASK_SETTINGS = (
    "cache",
    "chunksize",
    "func_dumps",
    "func_loads",
    "pool",
    "rerun_exceptions_locally",
    "temporary_directory",
)
"""What Dask's local schedulers look up in its configuration, besides `num_workers`."""


_OTHER_NAMES: dict[str, Any] = {
    "sync": "synchronous",
    "single-threaded": "synchronous",
    "threading": "threads",
    "multiprocessing": "processes",
}
"""What Dask calls the same schedulers besides, and flows of Prefect 0.x do."""


@dataclasses.dataclass(init=False, repr=False)
class LocalDaskExecutor(Executor):
    """Dask's own schedulers in this machine: threads, processes or synchronous.

    Args:
        scheduler: `threads` (default), `processes` or `synchronous`; Dask's other names for
            them (`threading`, `multiprocessing`, `sync`, `single-threaded`) are understood.
        num_workers: how many threads or processes; by default one for each processor.
        **kwargs: set in Dask's configuration while the flow runs: `chunksize`, `pool`,
            `cache`, `rerun_exceptions_locally`, `temporary_directory`, `func_dumps` and
            `func_loads`, or any dotted key of it, written with `__` for the dot:
            `array__chunk_size="64MiB"`.

    Raises:
        SettingError: if a setting is unknown or has the wrong type.

    See https://docs.dask.org/en/stable/scheduling.html.

    >>> LocalDaskExecutor(scheduler="threads", num_workers=2)
    LocalDaskExecutor(scheduler='threads', num_workers=2)
    """

    elsewhere = False

    scheduler: Literal["threads", "processes", "synchronous"] = setting(
        "threads", help="Which of Dask's local schedulers: threads, processes, synchronous."
    )
    num_workers: int | None = setting(
        None, help="How many threads or processes; by default one for each processor."
    )
    kwargs: dict[str, Any] = setting(
        factory=dict, help="Further settings of Dask's, such as chunksize; given by their names."
    )

    def __init__(
        self,
        scheduler: Literal["threads", "processes", "synchronous"] = "threads",
        num_workers: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.scheduler = _OTHER_NAMES.get(scheduler, scheduler)
        self.num_workers = num_workers
        # what serialisation gives back comes as one mapping
        self.kwargs = {**kwargs.pop("kwargs", {}), **kwargs}
        self.__post_init__()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_workers is not None and self.num_workers < 1:
            raise SettingError(f"num_workers must be at least 1, not {self.num_workers}.")
        for name, value in self.kwargs.items():
            # Dask itself takes any name, and says nothing of one that it doesn't know
            if name in _DASK_SETTINGS or "." in name or "__" in name or isinstance(value, Mapping):
                continue
            raise SettingError(
                f"LocalDaskExecutor has no setting {name!r}.",
                hint=nearest(name, ["scheduler", "num_workers", *_DASK_SETTINGS]),
            )

    def __repr__(self) -> str:
        given = {"scheduler": self.scheduler, "num_workers": self.num_workers, **self.kwargs}
        shown = ", ".join(f"{n}={v!r}" for n, v in given.items() if v is not None)
        return f"LocalDaskExecutor({shown})"

    def check(self) -> None:
        """Check that Dask is installed."""
        import_dask("dask")

    @contextlib.contextmanager
    def _open(self, source_files: Sequence[Path]) -> Iterator[concurrent.futures.Executor]:
        dask = import_dask("dask")
        with _pool(self.scheduler, self.num_workers) as pool:
            options = {"scheduler": self.scheduler, **self.kwargs}
            if self.num_workers:
                options["num_workers"] = self.num_workers
            if self.scheduler == "processes":
                options["pool"] = pool  # one pool for Dask and for get_executor
            # not so with threads: work that itself computes would wait for its own thread
            with dask_settings(dask, **options):
                yield pool


@contextlib.contextmanager
def _pool(scheduler: str, workers: int | None) -> Iterator[concurrent.futures.Executor]:
    import concurrent.futures
    import multiprocessing

    from flowenv.executors.serial import SerialPool

    if scheduler == "synchronous":
        yield SerialPool()
        return
    workers = workers or import_dask("dask.system").CPU_COUNT
    pool: concurrent.futures.Executor
    if scheduler == "threads":
        pool = concurrent.futures.ThreadPoolExecutor(workers, "flowenv")
    else:
        pool = concurrent.futures.ProcessPoolExecutor(
            workers, mp_context=multiprocessing.get_context("spawn")
        )
    try:
        yield pool
    except KeyboardInterrupt:
        # work that is going on must not keep an interrupted flow waiting either; Python 3.14
        # has a public method for it
        for worker in list((getattr(pool, "_processes", None) or {}).values()):
            worker.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
