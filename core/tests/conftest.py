"""What the core's tests share: each starts as a new process would, in an empty folder."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowenv.registry.registry import reset
from flowenv.settings.configuration import configuration

from .plugging import Plugging, toy_hooks


@pytest.fixture(autouse=True)
def as_a_new_process(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """No configuration, no variables of ours, nothing loaded, no module of another test."""
    for name in list(os.environ):
        if name.startswith(("FLOWENV_", "PREFECT__", "DASK_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    of_tests = str(tmp_path_factory.getbasetemp())
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(of_tests):
            del sys.modules[name]
    _forget()
    yield
    _forget()


def _forget() -> None:
    configuration.cache_clear()
    reset()
    logging.getLogger("flowenv.plugins").setLevel(logging.NOTSET)  # `flowenv plugins` sets it


@pytest.fixture
def plugging(monkeypatch: pytest.MonkeyPatch) -> Plugging:
    """Nothing installed but what the test installs."""
    return Plugging(monkeypatch)


@pytest.fixture
def toy(plugging: Plugging) -> Plugging:
    """The toy backend, installed."""
    plugging.backend("toy", toy_hooks())
    return plugging
