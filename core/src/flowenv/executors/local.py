"""The default executor: everything in the calling thread."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flowenv.executors.base import Executor
from flowenv.executors.dask_import import dask_scheduler

if TYPE_CHECKING:
    import concurrent.futures


@dataclasses.dataclass
class LocalExecutor(Executor):
    """Runs everything in the calling thread, one after the other. The default.

    >>> with LocalExecutor().open() as pool:
    ...     list(pool.map(abs, [-1, 2]))
    [1, 2]
    """

    elsewhere = False

    @contextlib.contextmanager
    def _open(self, source_files: Sequence[Path]) -> Iterator[concurrent.futures.Executor]:
        from flowenv.executors.serial import SerialPool

        with dask_scheduler("synchronous"):
            yield SerialPool()
