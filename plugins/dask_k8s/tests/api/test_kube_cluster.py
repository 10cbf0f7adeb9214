"""What dask-kubernetes needs of the process that it runs in."""

from __future__ import annotations

import getpass
import os
import pwd

import pytest

from flowenv_dask_k8s.api import kube_cluster


def test_a_user_whom_the_image_does_not_know_gets_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)

    def unknown(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(kube_cluster, "_kube_cluster", lambda: KubeCluster)

    assert kube_cluster.connect("c", "n", 5.0) == str(os.getuid())
    monkeypatch.delenv("LOGNAME")


class KubeCluster:
    """Asks who the user is, as KubeCluster does while it is made."""

    @staticmethod
    def from_name(name: str, **arguments: object) -> str:
        return getpass.getuser()
