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
def as_a_new_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No configuration, no variables of ours, nothing loaded; modules are forgotten after."""
    for name in list(os.environ):
        if name.startswith(("FLOWENV_", "PREFECT__", "DASK_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    _forget()
    yield
    _forget()
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).is_relative_to(tmp_path):
            del sys.modules[name]


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
