"""Executors: where the parallel work inside a flow runs."""

from __future__ import annotations

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
