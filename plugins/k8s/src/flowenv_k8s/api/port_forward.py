"""A port of a pod as one of this machine, through the API server.

Each connection that is made here goes by a websocket of its own, so that one that is cut takes
none of the others with it, and the next one is made afresh.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from typing import Any

from flowenv.errors import FlowenvError
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.resources import PODS

_log = logging.getLogger("flowenv.k8s")

_DATA, _ERROR = b"\x00", b"\x01"
"""The first byte of each message: the channel. The first message on each names the port
(https://kubernetes.io/docs/reference/using-api/api-concepts, portforward)."""
_CHUNK = 64 * 1024


class PortForward:
    """Listens on the loopback interface until it is closed.

    Args:
        client: the connection to Kubernetes.
        namespace: the pod's.
        pod: its name.
        port: which of its ports.
    """

    def __init__(self, client: Client, namespace: str, pod: str, port: int) -> None:
        self._client = client
        self._path = PODS.path(namespace, pod, "portforward") + f"?ports={port}"
        self._what = f"port {port} of the pod {pod}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[Any] = set()
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, name=f"forward-{port}", daemon=True).start()

    def close(self) -> None:
        """Listen no more, and end all connections."""
        # else the thread that waits for the next one would hold the socket open
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in list(self._open):
            with contextlib.suppress(Exception):
                one.close()

    def _accept(self) -> None:
        while True:
            try:
                local, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(local,), daemon=True).start()

    def _serve(self, local: socket.socket) -> None:
        """Carry one connection's bytes both ways until either side ends."""
        with local:
            try:
                remote = self._client.websocket(self._path)
            except FlowenvError as error:
                _log.debug("%s can't be forwarded: %s", self._what, error)
                return
            self._open |= {local, remote}
            back = threading.Thread(target=self._receive, args=(remote, local), daemon=True)
            back.start()
            try:
                while data := local.recv(_CHUNK):
                    remote.send_binary(_DATA + data)
            except Exception as error:  # whatever a cut connection raises, on either side
                _log.debug("A connection to %s was cut: %r", self._what, error)
            finally:
                with contextlib.suppress(Exception):
                    remote.close()
                self._open -= {local, remote}

    def _receive(self, remote: Any, local: socket.socket) -> None:
        named: set[bytes] = set()
        try:
            while message := remote.recv():
                channel, data = message[:1], message[1:]
                if channel not in named:
                    named.add(channel)
                elif channel == _DATA:
                    local.sendall(data)
                elif channel == _ERROR and data:
                    _log.debug("%s: %s", self._what, data.decode(errors="replace"))
                    break
        except Exception as error:
            _log.debug("A connection to %s was cut: %r", self._what, error)
        finally:
            with contextlib.suppress(OSError):
                local.shutdown(socket.SHUT_RDWR)
