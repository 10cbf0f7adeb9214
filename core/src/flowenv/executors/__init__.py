"""Executors: where the parallel work inside a flow runs. Each is imported when it is used."""

from __future__ import annotations

from flowenv._lazily import names_of

TYPE_CHECKING = False  # as type checkers know it: `typing` itself takes its time
if TYPE_CHECKING:
    from flowenv.executors.base import Executor, check_executor, get_executor
    from flowenv.executors.dask import DaskExecutor
    from flowenv.executors.local import LocalExecutor
    from flowenv.executors.local_dask import LocalDaskExecutor

__all__ = [
    "DaskExecutor",
    "Executor",
    "LocalDaskExecutor",
    "LocalExecutor",
    "check_executor",
    "get_executor",
]

__getattr__, __dir__ = names_of(
    globals(),
    {
        "executors.base": "Executor check_executor get_executor",
        "executors.dask": "DaskExecutor",
        "executors.local": "LocalExecutor",
        "executors.local_dask": "LocalDaskExecutor",
    },
)
