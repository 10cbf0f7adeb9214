"""Connections that outlive what carries them: a forwarded port that is cut, and comes again.

Each end keeps what the other has not confirmed. When a carrier breaks, the near end makes another
one, both say how much they have, and go on from there. The far end runs in the scheduler's process,
whose image needn't have flowenv: it gets this module's text, which needs nothing but Python's own.
"""

from __future__ import annotations

import contextlib
import hmac
import socket
import struct
import threading
import time
from collections.abc import Callable

PATIENCE = 120.0
"""Seconds without a carrier after which a connection is given up."""
_BEAT, _SILENCE = 5.0, 20.0
"""Seconds after which something is said in any case, and after which a carrier counts as dead."""
OPENING = 10.0
"""Seconds for a carrier to be greeted."""
_CHUNK, _WINDOW = 64 * 1024, 16 * 1024 * 1024
_MOST = 64
"""How many connections there may be at once."""
_CONFIRMED, _BYTES, _END = range(3)
_FRAME = struct.Struct("!BQ")
"""What follows or is confirmed, and how many bytes."""
GREETING = struct.Struct("!32s16s?Q")
"""The secret, the connection, whether it is to be known already, bytes received."""
ANSWER = struct.Struct("!?Q")
"""Whether it is known, bytes received."""


class Connection:
    """One end of a connection.

    Args:
        local: whose bytes are carried.

    Attributes:
        is_over: whether either side has ended it.
        received: how many bytes have come from the other end.
    """

    def __init__(self, local: socket.socket) -> None:
        self._local = local
        self._changed = threading.Condition()
        self._carried = threading.Lock()
        self._carrier: socket.socket | None = None
        self._unconfirmed, self._base = bytearray(), 0
        self._has_all = self._has_said_end = False
        self.received, self.is_over = 0, False
        self._idle_since = time.monotonic()
        threading.Thread(target=self._read, name="lasting-read", daemon=True).start()

    def carry(self, carrier: socket.socket, begin: Callable[[], int]) -> None:
        """Use a carrier until it breaks. One that is in use is given up for it.

        Args:
            carrier: the new one.
            begin: agrees with the other end, and gives how many bytes that one has.

        Raises:
            OSError: if the carrier breaks.
        """
        with self._changed:
            if self._carrier:
                close(self._carrier)
        with self._carried, carrier:
            position = begin()
            with self._changed:
                self._confirm(position)
                self._carrier = carrier
            writer = threading.Thread(target=self._write, args=(carrier, position), daemon=True)
            writer.start()
            try:
                self._receive(carrier)
            except OSError:
                if not self._has_said_end:
                    raise
                self.end()
            finally:
                with self._changed:
                    self._carrier = None
                    self._idle_since = time.monotonic()
                    self._changed.notify_all()
                close(carrier)
                writer.join()

    def is_left(self) -> bool:
        """Whether nothing has carried it for too long."""
        is_carried = self._carrier is not None
        return not is_carried and time.monotonic() - self._idle_since > PATIENCE

    def end(self) -> None:
        """Carry no more."""
        with self._changed:
            self.is_over = True
            if self._carrier:
                close(self._carrier)
            self._changed.notify_all()
        close(self._local)
        self._local.close()

    def _read(self) -> None:
        try:
            while data := self._local.recv(_CHUNK):
                with self._changed:
                    self._changed.wait_for(lambda: self.is_over or len(self._unconfirmed) < _WINDOW)
                    self._unconfirmed += data
                    self._changed.notify_all()
        except OSError:
            pass
        with self._changed:
            self._has_all = True
            self._changed.notify_all()

    def _confirm(self, count: int) -> None:
        if not self._base <= count <= self._base + len(self._unconfirmed):
            raise ConnectionError("the other end confirms what it can't have")
        del self._unconfirmed[: count - self._base]
        self._base = count
        self._changed.notify_all()

    def _write(self, carrier: socket.socket, position: int) -> None:
        confirmed, is_first = self.received, True
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(
                        lambda: self._is_due(carrier, position, confirmed),  # noqa: B023
                        0 if is_first else _BEAT,
                    )
                    if self._carrier is not carrier or self.is_over:
                        return
                    confirmed, is_first = self.received, False
                    start = position - self._base
                    chunk = bytes(self._unconfirmed[start : start + _CHUNK])
                    is_last = self._has_all and not chunk
                carrier.sendall(_FRAME.pack(_CONFIRMED, confirmed))
                if chunk:
                    carrier.sendall(_FRAME.pack(_BYTES, len(chunk)) + chunk)
                    position += len(chunk)
                elif is_last:
                    self._has_said_end = True
                    carrier.sendall(_FRAME.pack(_END, 0))
                    return
        except OSError:
            close(carrier)

    def _is_due(self, carrier: socket.socket, position: int, confirmed: int) -> bool:
        return (
            self._carrier is not carrier
            or self._has_all
            or self.is_over
            or self.received != confirmed
            or position < self._base + len(self._unconfirmed)
        )

    def _receive(self, carrier: socket.socket) -> None:
        carrier.settimeout(_SILENCE)
        while True:
            kind, number = _FRAME.unpack(exactly(carrier, _FRAME.size))
            if kind == _CONFIRMED:
                with self._changed:
                    self._confirm(number)
            elif kind == _BYTES and number <= _CHUNK:
                data = exactly(carrier, number)
                try:
                    self._local.sendall(data)
                except OSError:
                    return self.end()
                with self._changed:
                    self.received += len(data)
                    self._changed.notify_all()
            elif kind == _END:
                return self.end()
            else:
                raise ConnectionError("the other end speaks something else")


class FarEnd:
    """Where connections go on to a port.

    Args:
        host: where that is.
        port: that port.
        secret: 32 bytes that who comes must know.
    """

    def __init__(self, host: str, port: int, secret: bytes) -> None:
        self._target, self._secret = (host, port), secret
        self._known: dict[bytes, Connection] = {}
        self._lock = threading.Lock()
        self._listener = socket.create_server(("", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=accept, args=(self._listener, self._serve), daemon=True).start()
        threading.Thread(target=self._give_up, name="lasting-end", daemon=True).start()

    def _give_up(self) -> None:
        """End connections whose near end has been silent for too long: it may have been killed."""
        while True:
            time.sleep(PATIENCE / 20)
            with self._lock:
                for key, one in list(self._known.items()):
                    if one.is_left():
                        one.end()
                    if one.is_over:
                        del self._known[key]

    def _serve(self, carrier: socket.socket) -> None:
        carrier.settimeout(OPENING)
        try:
            secret, name, is_known, theirs = GREETING.unpack(exactly(carrier, GREETING.size))
            if not hmac.compare_digest(secret, self._secret):
                raise ConnectionError("a stranger")
            connection = self._found(name, is_known)
            if connection is None:
                carrier.sendall(ANSWER.pack(False, 0))
                raise ConnectionError("nobody's connection")

            def begin() -> int:
                carrier.sendall(ANSWER.pack(True, connection.received))
                return int(theirs)

            connection.carry(carrier, begin)
        except OSError:
            close(carrier)
            carrier.close()

    def _found(self, name: bytes, is_known: bool) -> Connection | None:
        with self._lock:
            if name not in self._known and not is_known and len(self._known) < _MOST:
                local = socket.create_connection(self._target, OPENING)
                local.settimeout(None)
                self._known[name] = Connection(local)
            return self._known.get(name)


def close(one: socket.socket) -> None:
    """End a socket, and whatever a thread waits for there."""
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


def accept(listener: socket.socket, serve: Callable[[socket.socket], object]) -> None:
    """Serve each connection in a thread, until the listener is closed."""
    while True:
        try:
            made, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(made,), daemon=True).start()


def exactly(source: socket.socket, count: int) -> bytes:
    """The next bytes that a carrier brings, so many of them.

    Raises:
        ConnectionError: if it is cut before.
    """
    found = bytearray()
    while len(found) < count:
        if not (more := source.recv(count - len(found))):
            raise ConnectionError("the carrier was cut")
        found += more
    return bytes(found)
