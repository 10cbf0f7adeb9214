"""A process that is forked from one with connections has its own."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from rigs.kubernetes.kubeconfig import add_context

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")


class Server(http.server.BaseHTTPRequestHandler):
    """Remembers by which connection it was asked for what."""

    protocol_version = "HTTP/1.1"
    connections: ClassVar[dict[str, int]] = {}

    def do_GET(self) -> None:
        self.connections[self.path] = self.client_address[1]
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[Path]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        add_context(tmp_path / "config", url=url, token="t", context="a", namespace="default")
        yield tmp_path / "config"
        server.shutdown()
        thread.join()


FORKING = """
import os, signal
from flowenv_k8s.api import client as room

held = room.connect()
held.read("/first")
# as if other threads were just connecting, sending and watching
with room._making, held._lock, held._requests._lock:
    if not (child := os.fork()):
        signal.alarm(20)
        held.read("/child")
        assert held.shared(lambda client, namespace: "made", "default") == "made"
        room.connect().read("/again")
        os._exit(0)
assert os.waitpid(child, 0)[1] == 0
held.read("/parent")
"""


def test_a_forked_process_leaves_the_connections_to_its_parent(kubeconfig: Path) -> None:
    variables = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    subprocess.run([sys.executable, "-c", FORKING], env=variables, check=True)
    by = Server.connections
    assert by["/first"] == by["/parent"]
    assert by["/child"] == by["/again"] != by["/first"]
