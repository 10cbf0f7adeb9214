"""Whatever answers instead of an API server, it is an error that says so."""

from __future__ import annotations

import http.server
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from flowenv.errors import FlowenvError, PlatformError, PlatformUnreachable
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.kubeconfig import Source
from flowenv_k8s.api.resources import JOBS
from flowenv_k8s.runs.watch.pod_events import pod_events
from rigs.kubernetes.kubeconfig import add_context


class Stranger(http.server.BaseHTTPRequestHandler):
    """Answers every request with the next of its answers."""

    protocol_version = "HTTP/1.1"
    status: ClassVar[int] = 200
    answers: ClassVar[Iterator[bytes]]

    def do_GET(self) -> None:
        body = next(self.answers)
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        server.daemon_threads = True  # its connections are kept alive
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def client(
    server: http.server.ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Client:
    monkeypatch.setattr(Stranger, "status", 200)
    url = f"http://127.0.0.1:{server.server_port}"
    add_context(tmp_path / "config", url=url, token="t", context="a", namespace="default")
    return Client(Source(None, str(tmp_path / "config")))


DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        b"<html><title>Log in</title></html>",
        b"",
        b"[]",
        b"7",
        b'{"a": "\xff"}',
        DEEP,
        b'{"a": %s}' % (b"9" * 5000),
        b'{"items": "none"}',
        b'{"metadata": [7]}',
    ],
    ids=["html", "nothing", "list", "number", "bytes", "deep", "digits", "items", "metadata"],
)
def test_an_answer_that_no_api_server_gives_is_said_to_be_so(body: bytes, client: Client) -> None:
    Stranger.answers = itertools.repeat(body)
    with pytest.raises(PlatformUnreachable, match="Something else than Kubernetes") as caught:
        client.list(JOBS, "default")
    assert client.host in caught.value.message
    assert "list jobs" in caught.value.message
    assert "login page" in caught.value.hint


@pytest.mark.parametrize("body", [DEEP, b'{"kind": "Status", "details": [1]}'])
def test_an_odd_refusal_is_a_refusal(
    body: bytes, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stranger, "status", 404)
    Stranger.answers = itertools.repeat(body)
    with pytest.raises(PlatformError, match="has no jobs"):
        client.list(JOBS, "default")


@pytest.mark.parametrize("tokens", [itertools.repeat(1), itertools.count()], ids=["same", "new"])
def test_a_list_without_end_is_given_up(
    tokens: Iterator[int], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowenv_k8s.api.client._PAGES", 20)
    pages = (b'{"items": [], "metadata": {"continue": "t%d"}}' % token for token in tokens)
    Stranger.answers = itertools.islice(pages, 25)
    with pytest.raises(FlowenvError, match="its list has no end"):
        client.list(JOBS, "default")


def test_an_answer_without_end_is_not_kept(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowenv_k8s.api.session._LARGEST", 1024**2)
    Stranger.answers = itertools.repeat(b'{"a": "%s"}' % (b"a" * 1024**2))
    with pytest.raises(PlatformUnreachable, match="over 1 MiB"):
        client.list(JOBS, "default")


@pytest.mark.parametrize(
    "line",
    [b"<html>", DEEP, b"7", b"[]", b'{"type": "ADDED"}', b'{"type": "ADDED", "object": 7}'],
    ids=["html", "deep", "number", "list", "part", "object"],
)
def test_a_watch_of_odd_events_counts_as_cut(line: bytes, client: Client) -> None:
    Stranger.answers = itertools.repeat(line + b"\n")
    with pytest.raises(ConnectionError, match="inside an event"):
        list(pod_events(client, "default", "", "1", lambda _: None))
