"""What a pod asks its API server: with its service account, and without the kubernetes package."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from flowenv.errors import PlatformError, PlatformUnreachable
from flowenv_k8s.api import pod_login
from flowenv_k8s.api.client import connect
from flowenv_k8s.api.resources import JOBS
from rigs.kubernetes import KubernetesRig


@pytest.fixture
def account(rig: KubernetesRig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """This process is in a pod of the rig's, whose image lacks the kubernetes package."""
    folder = tmp_path / "account"
    folder.mkdir()
    (folder / "token").write_text("first-token\n")
    (folder / "ca.crt").write_bytes(rig.authority)
    monkeypatch.setattr("flowenv_k8s.api.kubeconfig.SERVICE_ACCOUNT", folder)
    address = urlsplit(rig.tls_url)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(address.hostname))
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(address.port))
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    return folder


def test_a_pod_needs_no_kubernetes_package(account: Path) -> None:
    assert connect(own_pod=True).list(JOBS, "default")[0] == []


def test_a_token_that_the_kubelet_has_replaced_is_read_again(
    account: Path, rig: KubernetesRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod_login, "_FRESH", 0.0)
    client = connect(own_pod=True)
    client.list(JOBS, "default")
    (account / "token").write_text("stolen")

    with pytest.raises(PlatformError, match="doesn't accept the credentials"):
        client.list(JOBS, "default")


def test_a_server_that_another_authority_knows_is_not_spoken_to(
    account: Path, other_authority: bytes
) -> None:
    (account / "ca.crt").write_bytes(other_authority)

    with pytest.raises(PlatformUnreachable, match="certificate verify failed"):
        connect(own_pod=True).list(JOBS, "default")


@pytest.fixture(scope="module")
def other_authority(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    from rigs.kubernetes.certificates import make_certificates

    return make_certificates(tmp_path_factory.mktemp("other")).authority


@pytest.mark.parametrize("lacks", ["token", "ca.crt"])
def test_what_the_kubelet_has_not_mounted_is_named(account: Path, lacks: str) -> None:
    connect(own_pod=True)
    (account / lacks).write_text("")

    with pytest.raises(PlatformUnreachable, match=f"{lacks} is empty"):
        pod_login.PodLogin()
