"""Executors: where the parallel work inside a flow runs."""

from __future__ import annotations

from flowenv.executors.base import Executor, check_executor, get_executor
from flowenv.executors.dask import DaskExecutor, LocalDaskExecutor
from flowenv.executors.local import LocalExecutor

__all__ = [
    "DaskExecutor",
    "Executor",
    "LocalDaskExecutor",
    "LocalExecutor",
    "check_executor",
    "get_executor",
]
