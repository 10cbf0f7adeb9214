"""A test that sees nothing of other tests, nor of the machine that it runs on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flowenv.registry import registry
from flowenv.settings.configuration import configuration
from flowenv_k8s.api.client import forget_connections
from flowenv_k8s.runs.watch import pod_watch


@contextmanager
def clean_slate(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    """No registry, configuration, connection or kubeconfig of another test or of the machine.

    Args:
        monkeypatch: of the test.
        folder: an empty one, which the test works in.
    """
    for name in ("KUBERNETES_SERVICE_HOST", "FLOWENV_CONFIG", "FLOWENV_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KUBECONFIG", str(folder / "no-kubeconfig"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.chdir(folder)
    monkeypatch.setattr(pod_watch, "LINGER", 0.0)
    _forget()
    yield
    _forget()
    forget_connections()


def _forget() -> None:
    registry.reset()
    configuration.cache_clear()
