"""Dask, imported and configured no sooner than it is used."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from typing import Any

from flowenv.errors import SettingError


def import_dask(name: str) -> Any:
    """Import a module of Dask's.

    Raises:
        SettingError: if it isn't installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        from flowenv.origin import how_to_install

        raise SettingError(
            f"This executor needs {name}, which isn't installed.",
            hint=how_to_install("flowenv[dask]"),
        ) from error


@contextlib.contextmanager
def dask_scheduler(name: str) -> Iterator[None]:
    """Let Dask compute with a scheduler, without importing Dask when the flow doesn't."""
    if "dask" in sys.modules:
        import dask

        with dask.config.set(scheduler=name):
            yield
        return
    # Dask reads its environment variables when the flow imports it, if it does at all
    variable = "DASK_SCHEDULER"
    before = os.environ.get(variable)
    os.environ[variable] = name
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before
        if "dask" in sys.modules:
            import dask

            # only what this has set: the flow may have set more, as users do
            if dask.config.get("scheduler", None) == name:
                dask.config.config.pop("scheduler", None)
            if before is not None:
                dask.config.config["scheduler"] = before
