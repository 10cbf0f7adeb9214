"""Reading a stream as fast as it comes, whatever its consumer does meanwhile.

The kubelet has two files of a log at hand. Who follows one and falls behind by more than that,
since the reader of its output sleeps, misses what was between.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import IO

from flowenv_k8s.api.session import Stream

IN_MEMORY = 8 * 1024 * 1024
"""Bytes that are kept in memory; what is more goes to a temporary file."""
_LOOK = 1.0
"""Seconds without anything new after which it is asked whether the stream is stale."""
_STALE = 5.0
"""Seconds for which a stale stream may still say something."""
_BLOCK = 1024 * 1024


class ReadAhead:
    """A stream that a thread of its own reads.

    Args:
        stream: what is read.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._kept = Kept()
        thread = threading.Thread(target=self._read, name="flowenv-log", daemon=True)
        thread.start()

    def _read(self) -> None:
        try:
            for chunk in self._stream.chunks():
                self._kept.put(chunk)
        except (ConnectionError, OSError) as error:
            self._kept.end(ConnectionError(str(error)))
        except Exception as error:  # who waits for more must not wait for ever
            self._kept.end(error)
        else:
            self._kept.end()

    def chunks(self, is_stale: Callable[[], bool]) -> Iterator[bytes]:
        """What came, as it comes.

        Args:
            is_stale: asked while nothing comes; True if the stream must have died.

        Raises:
            ConnectionError: if the stream was cut, or is stale.
        """
        stale_since: float | None = None
        while True:
            chunk = self._kept.get(_LOOK)
            if chunk:
                stale_since = None
                yield chunk
            elif chunk is not None:
                return
            elif not is_stale():
                stale_since = None
            elif stale_since is None:
                stale_since = time.monotonic()
            elif time.monotonic() - stale_since > _STALE:
                raise ConnectionError("the stream has died")

    def close(self) -> None:
        """Read no more, and keep nothing."""
        self._stream.interrupt()
        self._kept.close()


class Kept:
    """Bytes that came and weren't taken yet: the first ones in memory, the others in a file."""

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._news = threading.Condition()
        self._memory: deque[bytes] = deque()
        self._size = 0
        self._file: IO[bytes] | None = None
        self._read_to = self._written_to = 0
        self._has_ended = False
        self._error: Exception | None = None

    def put(self, chunk: bytes) -> None:
        """Keep something.

        Raises:
            OSError: if there is no room for it; what came before is still given.
        """
        with self._news:
            if self._has_ended:
                return
            if self._read_to == self._written_to and self._size + len(chunk) <= self._in_memory:
                self._memory.append(chunk)
                self._size += len(chunk)
            else:
                self._write(chunk)
            self._news.notify()

    def end(self, error: Exception | None = None) -> None:
        """Nothing more will come.

        Args:
            error: why, if that is no good end.
        """
        with self._news:
            self._has_ended, self._error = True, error
            self._news.notify()

    def get(self, timeout: float) -> bytes | None:
        """What came next; nothing (`b""`) at the end, None if there is no news in time.

        Raises:
            Exception: the error with which it ended, after all that came before.
        """
        with self._news:
            self._news.wait_for(self._is_news, timeout)
            if self._memory:
                chunk = self._memory.popleft()
                self._size -= len(chunk)
                return chunk
            if self._read_to < self._written_to:
                return self._read()
            if not self._has_ended:
                return None
            if self._error is not None:
                raise self._error
            return b""

    def close(self) -> None:
        """Forget all."""
        with self._news:
            self._has_ended = True
            self._memory.clear()
            self._read_to = self._written_to = 0
            if self._file is not None:
                with contextlib.suppress(OSError):
                    self._file.close()

    def _is_news(self) -> bool:
        return bool(self._memory) or self._read_to < self._written_to or self._has_ended

    def _write(self, chunk: bytes) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="flowenv-log-")  # noqa: SIM115
        self._file.seek(self._written_to)
        self._file.write(chunk)
        self._written_to += len(chunk)

    def _read(self) -> bytes:
        assert self._file is not None
        self._file.seek(self._read_to)
        chunk = self._file.read(min(_BLOCK, self._written_to - self._read_to))
        self._read_to += len(chunk)
        if self._read_to == self._written_to:
            self._file.truncate(0)
            self._read_to = self._written_to = 0
        return chunk
