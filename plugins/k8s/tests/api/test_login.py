"""Which cluster is meant, and how a login fails: as `kubectl` has it, in the plugin's words."""

from __future__ import annotations

import json
import logging
import os
import stat
import tempfile
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from distributed.security import Security
from kubernetes.config import kube_config

from flowenv.errors import PlatformUnreachable
from flowenv_k8s.api.client import Client, connect
from flowenv_k8s.api.kubeconfig import Source, default_namespace, source
from flowenv_k8s.api.resources import JOBS
from rigs.kubernetes import KubernetesRig
from rigs.kubernetes.kubeconfig import add_context

WithPlugin = Callable[..., Path]


@pytest.fixture
def in_pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """This process looks like one in a pod."""
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text("t")
    (account / "namespace").write_text("of-the-pod")
    monkeypatch.setattr("flowenv_k8s.api.kubeconfig.SERVICE_ACCOUNT", account)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")


@pytest.mark.usefixtures("in_pod")
def test_a_kubeconfig_that_somebody_names_wins_over_the_pods_own(
    rig: KubernetesRig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "flowenv")
    assert not source(None).in_cluster
    connect().list(JOBS, "default")
    (said,) = (one.getMessage() for one in caplog.records)
    assert os.environ["KUBECONFIG"] in said
    assert said.endswith("not by the pod's own configuration")


@pytest.mark.usefixtures("in_pod")
@pytest.mark.parametrize("files", ["", "nowhere", f"nowhere{os.pathsep}"])
def test_in_a_pod_a_kubeconfig_that_is_not_there_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, files: str
) -> None:
    monkeypatch.setenv("KUBECONFIG", files)
    assert source(None).in_cluster
    assert default_namespace(None) == "of-the-pod"
    assert not source("prod").in_cluster


def test_a_kubeconfig_that_is_named_but_not_there_is_said_to_be_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    absent = tmp_path / "absent"
    monkeypatch.setenv("KUBECONFIG", str(absent))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(PlatformUnreachable) as caught:
        connect()
    assert caught.value.message == f"The kubeconfig {absent} doesn't exist."


@pytest.mark.usefixtures("in_pod", "rig")
def test_where_only_the_own_pods_cluster_can_be_meant_it_is_taken() -> None:
    assert source(None, own_pod=True).in_cluster


def test_of_several_files_the_first_current_context_counts_as_for_kubectl(
    rig: KubernetesRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    add_context(other, url="http://127.0.0.1:9", token="x", context="other", namespace="elsewhere")
    monkeypatch.setenv("KUBECONFIG", f"{os.environ['KUBECONFIG']}{os.pathsep}{other}")
    connect().list(JOBS, "default")
    assert default_namespace(None) == "default"
    assert rig.requests


def test_a_process_that_is_killed_leaves_no_credentials_in_files(
    shared_rig: KubernetesRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig = shared_rig.kubeconfig(tmp_path / "kubeconfig", tls=True)
    config = yaml.safe_load(kubeconfig.read_text())
    known = Security.temporary()
    own = {"certificate": known.tls_client_cert, "key": known.tls_client_key}
    for name, pem in own.items():
        config["users"][0]["user"][f"client-{name}-data"] = b64encode(pem.encode()).decode()
    kubeconfig.write_text(yaml.safe_dump(config))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    for _ in range(2):  # the package remembers the files that it has made
        client = Client(Source(None, str(kubeconfig)))
        client.list(JOBS, "default")
        assert list(temporary.iterdir()) == []
        assert not [path for path in kube_config._temp_files.values() if str(temporary) in path]


@pytest.fixture
def with_plugin(rig: KubernetesRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WithPlugin:
    """The current user logs in with a plugin: a shell script."""

    def write(script: str, **more: Any) -> Path:
        program = tmp_path / "login-tool"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        path = Path(os.environ["KUBECONFIG"])
        config = yaml.safe_load(path.read_text())
        version = "client.authentication.k8s.io/v1"
        plugin = {"apiVersion": version, "command": str(program), "args": ["get-token"], **more}
        for user in config["users"]:
            user["user"] = {"exec": plugin}
        made = tmp_path / "with-plugin"
        made.write_text(yaml.safe_dump(config))
        monkeypatch.setenv("KUBECONFIG", str(made))
        return program

    return write


def credential(token: str, expires: str | None = None) -> str:
    status = {"token": token, **({"expirationTimestamp": expires} if expires else {})}
    data = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": status,
    }
    return f"echo '{json.dumps(data)}'"


def test_a_credential_plugin_logs_in(with_plugin: WithPlugin) -> None:
    with_plugin(credential("first-token"))
    connect().list(JOBS, "default")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'the SSO session has expired' >&2; exit 255", "the SSO session has expired"),
        ("echo nonsense", "failed to decode process output"),
        ("echo '{}'", "missing key"),
        (credential("x").replace('"token"', '"tokken"'), "missing token"),
    ],
)
def test_a_credential_plugin_that_fails_is_named_with_its_words(
    with_plugin: WithPlugin, caplog: pytest.LogCaptureFixture, script: str, said: str
) -> None:
    program = with_plugin(script)
    handlers = list(logging.getLogger().handlers)
    with pytest.raises(PlatformUnreachable, match=f"{program} get-token`: .*{said}"):
        connect()
    assert not caplog.records
    assert logging.getLogger().handlers == handlers


def test_a_credential_plugin_that_is_not_there_says_how_to_install_it(
    with_plugin: WithPlugin,
) -> None:
    with_plugin("exit 0", command="no-such-tool", installHint="get it from example.com")
    with pytest.raises(PlatformUnreachable, match="`no-such-tool get-token`") as caught:
        connect()
    assert caught.value.hint == "get it from example.com"


def test_a_credential_plugin_that_fails_later_is_named_too(with_plugin: WithPlugin) -> None:
    program = with_plugin(credential("first-token", "2020-01-01T00:00:00Z"))
    client = connect()
    program.write_text("#!/bin/sh\necho 'logged out' >&2\nexit 1\n")
    with pytest.raises(PlatformUnreachable, match="logged out"):
        client.list(JOBS, "default")
