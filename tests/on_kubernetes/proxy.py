"""A TCP proxy before an API server: a client's connection to it can be cut, or go silent."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import yaml


class Proxy:
    """Carries connections to a server, until it is told not to.

    Args:
        host: of the server.
        port: of the server.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._silent: set[socket.socket] = set()
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._listen()

    @classmethod
    def before(cls, kubeconfig: Path, copy: Path) -> Self:
        """A proxy before a kubeconfig's cluster, and a copy of the kubeconfig that leads to it."""
        data: dict[str, Any] = yaml.safe_load(kubeconfig.read_text())
        cluster = data["clusters"][0]["cluster"]
        server = urlsplit(cluster["server"])
        made = cls(str(server.hostname), int(server.port or 443))
        for one in data["clusters"]:
            one["cluster"]["server"] = f"{server.scheme}://127.0.0.1:{made.port}"
        copy.write_text(yaml.safe_dump(data))
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cut()
        self._over.set()

    def cut(self) -> None:
        """Cut what is connected, and refuse what comes."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for one in self._sockets:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            self._sockets.clear()

    def restore(self) -> None:
        """Listen again, at the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listen()

    def go_silent(self) -> None:
        """Carry nothing more on the connections that there are; new ones work."""
        with self._lock:
            self._silent |= set(self._sockets)

    def _listen(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                here, _ = listener.accept()
            except OSError:
                return
            try:
                there = socket.create_connection(self._target)
            except OSError:
                here.close()
                continue
            with self._lock:
                self._sockets += [here, there]
            for source, sink in ((here, there), (there, here)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if source in self._silent:
                    self._over.wait()
                    break
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        source.close()
