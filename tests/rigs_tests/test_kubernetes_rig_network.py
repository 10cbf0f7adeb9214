"""Addresses and names of pods and services, and port-forward."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from rigs.kubernetes import KubernetesRig
from rigs.kubernetes.manifests import container, pod, python
from rigs.kubernetes.objects import has_ended, is_true

SERVES = """
import socket
server = socket.create_server(("0.0.0.0", 8098))
print("listening", server.getsockname())
while True:
    connection, peer = server.accept()
    print("from", peer[0])
    connection.sendall(b"hello")
    connection.close()
"""


@pytest.fixture
def rig() -> Iterator[KubernetesRig]:
    with KubernetesRig() as rig:
        yield rig


def listens(rig: KubernetesRig, name: str) -> bool:
    return rig.find("Pod", name) is not None and "listening" in rig.log(name)


def serve(rig: KubernetesRig) -> str:
    """Run a server behind the service ``web`` and return its pod's address."""
    rig.apply(pod(python(SERVES), name="web", labels={"app": "web"}))
    service = {"selector": {"app": "web"}, "ports": [{"port": 8098}]}
    metadata = {"name": "web"}
    rig.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service})
    rig.wait_until(lambda: listens(rig, "web"), "the server")
    return str(rig.get("Pod", "web")["status"]["podIP"])


@pytest.mark.parametrize("name", ["web", "web.default", "web.default.svc.cluster.local"])
def test_a_service_is_reached_by_its_name(rig: KubernetesRig, name: str) -> None:
    serve(rig)
    asks = f"import socket; print(socket.create_connection(('{name}', 8098)).recv(9))"
    rig.apply(pod(python(asks), name="client"))
    found = rig.wait_for("Pod", "client", has_ended)
    assert rig.log("client") == "b'hello'\n"
    assert rig.log("web").splitlines()[-1] == f"from {found['status']['podIP']}"


def test_a_server_on_every_interface_listens_on_the_pods_address(rig: KubernetesRig) -> None:
    address = serve(rig)
    assert rig.log("web").startswith(f"listening ('{address}', 8098)")


def test_a_name_that_no_service_has_is_unknown(rig: KubernetesRig) -> None:
    asks = "import socket; socket.getaddrinfo('none.default.svc', 80)"
    rig.apply(pod(python(asks)))
    rig.wait_for("Pod", "pod", has_ended)
    assert "Name or service not known" in rig.log("pod")


def test_a_service_without_a_ready_pod_refuses_connections(rig: KubernetesRig) -> None:
    spec = {"selector": {"app": "none"}, "ports": [{"port": 80}]}
    rig.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec})
    asks = "import socket; socket.create_connection(('web', 80))"
    rig.apply(pod(python(asks)))
    rig.wait_for("Pod", "pod", has_ended)
    assert "ConnectionRefusedError" in rig.log("pod")


def test_a_pod_knows_its_own_name_and_address(rig: KubernetesRig) -> None:
    asks = "import socket; n = socket.gethostname(); print(n, socket.gethostbyname(n))"
    rig.apply(pod(python(asks)))
    found = rig.wait_for("Pod", "pod", has_ended)
    assert rig.log("pod") == f"pod {found['status']['podIP']}\n"


def test_two_pods_can_use_the_same_port(rig: KubernetesRig) -> None:
    for name in ("one", "two"):
        rig.apply(pod(python(SERVES), name=name))
    for name in ("one", "two"):
        rig.wait_until(partial(listens, rig, name), f"the server of {name}")


def test_pods_of_two_rigs_can_use_the_same_port(rig: KubernetesRig) -> None:
    with KubernetesRig() as other:
        addresses = {serve(rig), serve(other)}
    assert len(addresses) == 2


def test_a_tcp_probe_asks_the_address_of_the_pod(rig: KubernetesRig) -> None:
    probe = {"tcpSocket": {"port": 8098}}
    rig.apply(pod(python(SERVES, readinessProbe=probe)))
    rig.wait_for("Pod", "pod", lambda found: is_true(found, "Ready"))


# kr8s leaves connections open when it ends, which this suite treats as errors: hence a process.
FORWARDS = """
import sys, socket, kr8s
from kr8s.objects import Pod
api = kr8s.api(kubeconfig=sys.argv[1])
print(api.version()["gitVersion"])
pod = Pod.get("web", api=api)
with pod.portforward(8098) as port:
    print(socket.create_connection(("127.0.0.1", port)).recv(9))
print(next(iter(pod.logs())).split()[0])
for kind, found in api.watch("pods", namespace="default"):
    print(kind, found.name)
    break
pod.delete()
pod.wait("delete", timeout=10)
"""


def test_kr8s_reads_watches_forwards_and_deletes(rig: KubernetesRig, tmp_path: Path) -> None:
    serve(rig)
    rig.apply(pod(container(["true"]), name="web", terminationGracePeriodSeconds=0))
    path = rig.kubeconfig(tmp_path / "kubeconfig")
    done = subprocess.run(
        [sys.executable, "-c", FORWARDS, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    expected = ["v1.33.1", "b'hello'", "listening", "ADDED web"]
    assert done.stdout.splitlines() == expected, done.stderr
    assert rig.find("Pod", "web") is None
