"""The connection: where it comes from, credentials that expire, refusals that explain."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flowenv import attach
from flowenv.errors import ConfigurationError, PlatformError, PlatformUnreachable
from flowenv.plugin import Reason
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment
from flowenv_k8s.api.client import Client, connect, forget_connections
from flowenv_k8s.api.kubeconfig import Source
from flowenv_k8s.api.resources import JOBS, PODS
from rigs.kubernetes import KubernetesRig, ScriptedKubelet

Environments = Callable[..., KubernetesJobEnvironment]


def test_a_kubeconfig_that_is_not_there_is_named(environment: Environments) -> None:
    with pytest.raises(OSError, match=r"The kubeconfig .*no-kubeconfig doesn't exist\."):
        environment().execute(flows.add, a=1)


def test_a_context_that_is_not_there_is_an_error(rig: KubernetesRig) -> None:
    with pytest.raises(ConfigurationError, match="other"):
        connect("other")


def test_all_runs_of_a_process_share_a_connection(rig: KubernetesRig) -> None:
    assert connect() is connect()


def test_a_cluster_that_does_not_answer_is_named(
    environment: Environments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with KubernetesRig(kubelet=ScriptedKubelet()) as gone:
        path = gone.kubeconfig(tmp_path / "gone")
    monkeypatch.setenv("KUBECONFIG", str(path))
    with pytest.raises(PlatformUnreachable, match=r"http://127\.0\.0\.1:\d+ doesn't answer"):
        environment().execute(flows.add, a=1)


def test_threads_that_connect_at_the_same_time_share_one_client(rig: KubernetesRig) -> None:
    forget_connections()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: connect(), range(8)))
    assert len({id(one) for one in found}) == 1


def test_expired_credentials_are_refreshed_once(rig: KubernetesRig, client: Client) -> None:
    client.list(JOBS, "default")
    rig.rotate_token()
    client.list(JOBS, "default")
    assert [one.status for one in rig.requests] == [200, 401, 200]


def test_credentials_in_a_file_are_read_again(rig: KubernetesRig, tmp_path: Path) -> None:
    token = tmp_path / "token"
    config = rig.kubeconfig(tmp_path / "with-file", token_file=token)
    client = Client(Source(None, str(config)))
    client.list(JOBS, "default")
    rig.rotate_token()
    token.write_text(rig.token)
    client.list(JOBS, "default")
    assert rig.requests.count(status=401) == 1


def test_credentials_that_stay_wrong_are_an_error(rig: KubernetesRig, client: Client) -> None:
    rig.access.revoke(rig.token)
    try:
        with pytest.raises(PlatformError, match="doesn't accept the credentials") as caught:
            client.list(JOBS, "default")
    finally:
        rig.access.restore(rig.token)
    assert caught.value.reason is Reason.ACCESS_DENIED
    assert rig.requests.count(status=401) == 2


def test_tls_and_a_certificate_authority_are_used(rig: KubernetesRig, tmp_path: Path) -> None:
    client = Client(Source(None, str(rig.kubeconfig(tmp_path / "tls", tls=True))))
    assert client.list(JOBS, "default")[0] == []


def test_a_long_list_comes_in_pages(
    rig: KubernetesRig, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowenv_k8s.api.client._PAGE", 2)
    for index in range(5):
        rig.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"page-{index}"}})
    from flowenv_k8s.api.resources import Resource

    maps = Resource("", "v1", "configmaps", "ConfigMap")
    found, version = client.list(maps, "default")
    assert [one["metadata"]["name"] for one in found] == [f"page-{n}" for n in range(5)]
    assert version


@pytest.mark.parametrize(
    ("verb", "resource"), [("get", "jobs"), ("list", "jobs"), ("list", "pods")]
)
def test_a_refusal_shows_the_rule_that_allows_it(
    verb: str, resource: str, rig: KubernetesRig, client: Client
) -> None:
    of = {"jobs": JOBS, "pods": PODS}[resource]
    ask: dict[str, Callable[[], object]] = {
        "get": lambda: client.get(of, "default", "x"),
        "list": lambda: client.list(of, "default"),
    }
    with rig.access.denied(verb, resource), pytest.raises(PlatformError) as caught:
        ask[verb]()
    assert f"Not allowed to {verb} {resource}" in caught.value.message
    assert f'resources: ["{resource}"]\n    verbs: ["{verb}"]' in caught.value.hint
    assert caught.value.message.count(resource) == 1, "said twice"
    assert caught.value.message.endswith(" has no such right.")


def test_attaching_without_permission_shows_the_rule(
    rig: KubernetesRig, environment: Environments
) -> None:
    with rig.access.denied("get", "jobs"), pytest.raises(PlatformError, match="Not allowed to get"):
        attach("default/x", environment())


def test_a_pod_without_its_certificate_is_told_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: Environments
) -> None:
    (tmp_path / "token").write_text("t")
    monkeypatch.setattr("flowenv_k8s.api.kubeconfig.SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    with pytest.raises(PlatformUnreachable, match="in-cluster configuration can't be used"):
        environment().execute(flows.add, a=1)


@pytest.mark.parametrize(
    "work",
    [
        "import flowenv_k8s.hooks",
        "import flowenv_k8s.plugin",
        "KubernetesJobEnvironment(metadata={'image': 'x'})",
    ],
)
def test_until_it_is_used_the_kubernetes_package_is_not_imported(work: str) -> None:
    code = (
        f"from flowenv_k8s import KubernetesJobEnvironment\n{work}\nimport sys\n"
        "assert not {'kubernetes', 'urllib3'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
