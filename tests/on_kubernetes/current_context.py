"""A rig as the cluster that the current context points to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rigs.kubernetes import KubernetesRig


@contextmanager
def pointing_to(
    rig: KubernetesRig, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KubernetesRig]:
    """Have the current context point to a rig, whose log of requests is empty.

    Args:
        rig: the rig, which other tests may share: its faults are gone afterwards.
        folder: where its kubeconfig goes.
        monkeypatch: sets the variable that names it.
    """
    monkeypatch.setenv("KUBECONFIG", str(rig.kubeconfig(folder / "kubeconfig")))
    rig.requests.clear()
    yield rig
    rig.faults.clear()
