"""A port here whose connections outlive what carries them: the near end of `lasting`."""

from __future__ import annotations

import socket
import threading
import time
import uuid
from collections.abc import Callable

from flowenv_dask_k8s.cluster.way_in.lasting import (
    ANSWER,
    GREETING,
    OPENING,
    Connection,
    accept,
    close,
    exactly,
)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


class NearEnd:
    """Where connections are taken: a port of this machine's loopback interface.

    Args:
        connect: makes a carrier to the far end; it may raise an `OSError`.
        secret: what the far end wants to hear.
        is_gone: whether the far end is gone for good.
    """

    def __init__(
        self, connect: Callable[[], socket.socket], secret: bytes, is_gone: Callable[[], bool]
    ) -> None:
        self._connect, self._secret, self._is_gone = connect, secret, is_gone
        self._open: set[Connection] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=accept, args=(self._listener, self._serve), daemon=True).start()

    def close(self) -> None:
        """Take no more connections, and end all."""
        close(self._listener)
        self._listener.close()
        for one in list(self._open):
            one.end()

    def _serve(self, local: socket.socket) -> None:
        connection, name = Connection(local), uuid.uuid4().bytes
        self._open.add(connection)
        is_known, pause = False, _FIRST_PAUSE

        def begin() -> int:
            nonlocal is_known, pause
            carrier.settimeout(OPENING)
            greeting = (self._secret, name, is_known, connection.received)
            carrier.sendall(GREETING.pack(*greeting))
            is_there, theirs = ANSWER.unpack(exactly(carrier, ANSWER.size))
            if not is_there:
                connection.end()
                raise ConnectionError("the far end has given the connection up")
            is_known, pause = True, _FIRST_PAUSE
            return int(theirs)

        while not connection.is_over:
            try:
                carrier = self._connect()
                connection.carry(carrier, begin)
            except OSError:
                if not connection.is_over and (connection.is_left() or self._is_gone()):
                    break
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        connection.end()
        self._open.discard(connection)
