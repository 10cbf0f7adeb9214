"""A port of a pod here, through the API server; each connection by a websocket of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowenv_k8s.api.client import Client
from flowenv_k8s.api.kubeconfig import Source
from flowenv_k8s.api.port_forward import PortForward
from on_kubernetes.proxy import Proxy
from rigs.kubernetes import KubernetesRig
from rigs.kubernetes.manifests import container, pod

SECONDS = 10.0
PORT = 8786


@pytest.fixture(scope="module")
def address(shared_rig: KubernetesRig) -> Iterator[str]:
    """That of a pod where what is sent to the port comes back."""
    shared_rig.apply(pod(container(["x"]), name="echo"))
    found = shared_rig.wait_for("Pod", "echo", lambda one: one["status"].get("podIP"))
    host = str(found["status"]["podIP"])
    listener = socket.create_server((host, PORT))

    def answer(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield host
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.fixture
def way(rig: KubernetesRig, address: str, tmp_path: Path) -> Iterator[Proxy]:
    """What lies between this machine and the API server."""
    with Proxy.before(tmp_path / "kubeconfig", tmp_path / "by-proxy") as proxy:
        yield proxy


@pytest.fixture
def forward(way: Proxy, tmp_path: Path) -> Iterator[Callable[..., PortForward]]:
    made: list[PortForward] = []
    client = Client(Source(None, str(tmp_path / "by-proxy")))

    def forward(port: int = PORT) -> PortForward:
        made.append(PortForward(client, "default", "echo", port))
        return made[-1]

    yield forward
    for one in made:
        one.close()


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), SECONDS)


def echoed(connection: socket.socket, data: bytes) -> bytes:
    """What comes back for this, or until the end."""

    def send() -> None:
        with contextlib.suppress(OSError):  # it may be cut
            connection.sendall(data)

    sending = threading.Thread(target=send)
    sending.start()
    found = b""
    with contextlib.suppress(OSError):
        while len(found) < len(data) and (more := connection.recv(65536)):
            found += more
    sending.join()
    return found


def test_bytes_go_both_ways(forward: Callable[..., PortForward]) -> None:
    data = bytes(range(256)) * 4096
    with connected(forward().port) as connection:
        assert echoed(connection, data) == data


def test_connections_that_are_cut_end_and_the_next_one_works(
    forward: Callable[..., PortForward], way: Proxy
) -> None:
    made = forward()
    with connected(made.port) as connection:
        assert echoed(connection, b"before") == b"before"
        way.cut()
        assert echoed(connection, b"meanwhile") == b""
    with connected(made.port) as connection:
        assert echoed(connection, b"still away") == b""
    way.restore()
    with connected(made.port) as connection:
        assert echoed(connection, b"after") == b"after"


def test_a_connection_that_ends_takes_no_other_with_it(
    forward: Callable[..., PortForward],
) -> None:
    made = forward()
    with connected(made.port) as one, connected(made.port) as other:
        assert echoed(one, b"one") == b"one"
        one.close()
        assert echoed(other, b"other") == b"other"


def test_a_port_where_nobody_listens_ends_the_connection(
    forward: Callable[..., PortForward],
) -> None:
    with connected(forward(PORT + 1).port) as connection:
        assert echoed(connection, b"anybody?") == b""


def test_closing_ends_what_is_connected(forward: Callable[..., PortForward]) -> None:
    made = forward()
    with connected(made.port) as connection:
        assert echoed(connection, b"there") == b"there"
        made.close()
        assert echoed(connection, b"there?") == b""
    with pytest.raises(OSError, match="refused"):
        connected(made.port)
