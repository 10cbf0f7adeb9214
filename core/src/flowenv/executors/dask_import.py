"""Dask, imported and configured no sooner than it is used."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
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


class _Settings:
    """Settings of this process that several runs make at once, each for its own time.

    Each remembers what it found, so they are taken back in the reverse order: one that ends
    earlier waits for those that came after it.
    """

    def __init__(self) -> None:
        self._made: list[AbstractContextManager[Any]] = []
        self._over: set[int] = set()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def hold(self, setting: AbstractContextManager[Any]) -> Iterator[None]:
        """Make a setting, and take it back as soon as no later one stands on it."""
        with self._lock:
            setting.__enter__()
            self._made.append(setting)
        try:
            yield
        finally:
            with self._lock:
                self._over.add(id(setting))
                while self._made and id(self._made[-1]) in self._over:
                    last = self._made.pop()
                    self._over.remove(id(last))
                    last.__exit__(None, None, None)


_settings = _Settings()


def dask_settings(dask: Any, **options: Any) -> AbstractContextManager[None]:
    """Dask's configuration with these settings; by keyword, `__` means a dot.

    It is the whole process's: of runs at once that want different things, the newest one wins.

    Args:
        dask: the module.
        **options: the settings.
    """
    return _settings.hold(_configuration(dask, options))


@contextlib.contextmanager
def _configuration(dask: Any, options: Mapping[str, Any]) -> Iterator[None]:
    with dask.config.set(**options):
        yield


def dask_scheduler(name: str) -> AbstractContextManager[None]:
    """Let Dask compute with a scheduler, without importing Dask when the flow doesn't."""
    return _settings.hold(_scheduler(name))


@contextlib.contextmanager
def _scheduler(name: str) -> Iterator[None]:
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
