"""What requests ask for where the API server isn't at the top of the host that answers."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

from flowenv_k8s.api.client import connect, forget_connections


class Server(http.server.BaseHTTPRequestHandler):
    """Answers whatever is asked, and remembers it."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(f"{self.path} of {self.headers['Host']}")
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """Of a server, or a proxy."""
    Server.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        forget_connections()  # it waits for their ends
        server.shutdown()
        thread.join()


def use(server: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = {"name": "a", "cluster": {"server": server}}
    context = {"name": "a", "context": {"cluster": "a", "user": "a"}}
    users = [{"name": "a", "user": {}}]
    config = {"clusters": [cluster], "contexts": [context], "users": users, "current-context": "a"}
    path.write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(path))


def test_an_api_server_below_a_path_is_asked_there(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(f"http://127.0.0.1:{port}/k8s/clusters/c-1/", tmp_path / "config", monkeypatch)
    assert connect().read("/version") == {}
    assert Server.asked == [f"/k8s/clusters/c-1/version of 127.0.0.1:{port}"]


def test_a_proxy_is_asked_by_the_whole_address(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    use("http://cluster.example/base", tmp_path / "config", monkeypatch)
    assert connect().read("/version") == {}
    assert Server.asked == ["http://cluster.example/base/version of cluster.example"]
