"""Connections that go on although what carries them is cut, at whatever moment."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from flowenv_dask_k8s.cluster.way_in import lasting, lasting_port
from flowenv_dask_k8s.cluster.way_in.lasting import FarEnd, accept, close
from flowenv_dask_k8s.cluster.way_in.lasting_port import NearEnd
from on_kubernetes.proxy import Proxy

SECRET = bytes(range(32))
SECONDS = 10.0


class Server:
    """Takes connections, which a test reads and writes."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._taken: list[socket.socket] = []
        self._changed = threading.Condition()
        threading.Thread(target=accept, args=(self._listener, self._take), daemon=True).start()

    def _take(self, one: socket.socket) -> None:
        one.settimeout(SECONDS)
        with self._changed:
            self._taken.append(one)
            self._changed.notify_all()

    def next(self) -> socket.socket:
        with self._changed:
            assert self._changed.wait_for(lambda: self._taken, SECONDS)
            return self._taken.pop(0)

    def close(self) -> None:
        close(self._listener)
        self._listener.close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lasting, "PATIENCE", 10.0)


@pytest.fixture
def way(server: Server) -> Iterator[Proxy]:
    """What carries bytes to the far end, which goes on to the server."""
    far = FarEnd("127.0.0.1", server.port, SECRET)
    with Proxy("127.0.0.1", far.port) as proxy:
        yield proxy


Near = Callable[..., NearEnd]


@pytest.fixture
def near(way: Proxy) -> Iterator[Near]:
    made: list[NearEnd] = []

    def near(secret: bytes = SECRET, is_gone: Callable[[], bool] = lambda: False) -> NearEnd:
        def connect() -> socket.socket:
            return socket.create_connection(("127.0.0.1", way.port), SECONDS)

        made.append(NearEnd(connect, secret, is_gone))
        return made[-1]

    yield near
    for one in made:
        one.close()


def connected(near: NearEnd) -> socket.socket:
    return socket.create_connection(("127.0.0.1", near.port), SECONDS)


def read(source: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count and (more := source.recv(65536)):
        found += more
    return found


def test_not_a_byte_is_lost_or_doubled_when_carriers_are_cut(
    near: Near, way: Proxy, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lasting_port, "_FIRST_PAUSE", 0.01)
    data = hashlib.shake_128(b"x").digest(3_000_000)
    with connected(near()) as here, server.next() as there:
        sent = [
            threading.Thread(target=one.sendall, args=(data,), daemon=True) for one in (here, there)
        ]
        found: dict[str, bytes] = {}
        reading = [
            threading.Thread(
                target=lambda name, one: found.update({name: read(one, len(data))}),
                args=(name, one),
                daemon=True,
            )
            for name, one in (("here", here), ("there", there))
        ]
        for thread in sent + reading:
            thread.start()
        for _ in range(5):
            reading[0].join(0.02)
            way.cut()
            way.restore()
        for thread in reading:
            thread.join()

    assert found == {"here": data, "there": data}


def test_what_is_said_while_nothing_carries_it_comes_later(
    near: Near, way: Proxy, server: Server
) -> None:
    with connected(near()) as here, server.next() as there:
        here.sendall(b"one")
        assert read(there, 3) == b"one"
        way.cut()
        here.sendall(b"two")
        there.sendall(b"back")
        way.restore()
        assert read(there, 3) == b"two"
        assert read(here, 4) == b"back"


def test_a_carrier_that_goes_silent_is_given_up(
    near: Near, way: Proxy, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lasting, "_SILENCE", 0.3)
    monkeypatch.setattr(lasting, "_BEAT", 0.05)
    with connected(near()) as here, server.next() as there:
        here.sendall(b"a")
        assert read(there, 1) == b"a"
        way.go_silent()
        here.sendall(b"heard")
        assert read(there, 5) == b"heard"


@pytest.mark.parametrize("is_cut", [False, True])
def test_an_end_reaches_the_other_side(
    is_cut: bool, near: Near, way: Proxy, server: Server
) -> None:
    with connected(near()) as here, server.next() as there:
        here.sendall(b"last words")
        if is_cut:
            way.cut()
        here.close()
        if is_cut:
            way.restore()
        assert read(there, 100) == b"last words"
    with connected(near()) as here, server.next() as there:
        there.close()
        assert read(here, 1) == b""


def test_who_does_not_know_the_secret_is_not_carried(
    near: Near, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lasting, "PATIENCE", 0.05)
    with connected(near(bytes(32))) as here:
        assert read(here, 1) == b""


def test_a_far_end_that_is_gone_is_not_waited_for(near: Near, way: Proxy, server: Server) -> None:
    with connected(near(is_gone=lambda: True)) as here, server.next():
        way.cut()
        assert read(here, 1) == b""


def test_a_near_end_that_is_killed_ends_its_connections(
    near: Near, way: Proxy, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = near()
    with connected(made) as here, server.next() as there:
        here.sendall(b"a")
        assert read(there, 1) == b"a"
        monkeypatch.setattr(lasting, "PATIENCE", 0.1)
        made.close()  # says nothing, as if it were killed
        assert read(there, 1) == b""
