"""The log of a container: its lines with the moment each was written, in files that are rotated."""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

Stream = Literal["stdout", "stderr"]
STREAMS: tuple[Stream, ...] = get_args(Stream)
LOG_FILE_BYTES = 10 * 1024 * 1024
"""The kubelet's default for ``containerLogMaxSize``."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line, or the beginning of one that isn't finished."""

    moment: int
    """When it was written, in nanoseconds since the epoch."""
    text: bytes

    def stamped(self) -> bytes:
        """Return the line with its moment in front (RFC 3339, to the nanosecond)."""
        second = datetime.datetime.fromtimestamp(self.moment // 10**9, datetime.UTC)
        return f"{second:%Y-%m-%dT%H:%M:%S}.{self.moment % 10**9:09d}Z ".encode() + self.text


class ContainerLog:
    """What one run of a container wrote.

    Args:
        skew: how many seconds a line of standard error may wait between its stamp and its place
            in the log. The container runtime reads and stamps the two streams each by itself, so
            a line can carry an earlier stamp than the one before it.
        file_size: how many bytes a file of the log holds before the next one is begun.
        rotation_pause: how many seconds a file is there at least, so that whoever follows the log
            and doesn't lag behind gets everything.
    """

    def __init__(
        self,
        skew: float = 0.0,
        file_size: int = LOG_FILE_BYTES,
        rotation_pause: float = 0.0,
    ) -> None:
        self.lines: list[Line] = []
        self.files = [0]
        """Where each file of the log begins, oldest first; only the newest is served."""
        self.is_closed = False
        self._file_size = file_size
        self._size = 0
        self._rotation_pause = rotation_pause
        self._rotated = time.monotonic()
        self._skew = {"stdout": 0, "stderr": int(skew * 10**9)}
        self._partial = dict.fromkeys(STREAMS, b"")
        self._followers: set[Callable[[], None]] = set()
        self._sent = 0
        self._more_is_sent = threading.Condition()

    def write(self, chunk: bytes, stream: Stream = "stdout") -> None:
        """Add output; a line that isn't finished waits for its end."""
        *finished, self._partial[stream] = (self._partial[stream] + chunk).split(b"\n")
        now = time.time_ns() - self._skew[stream]
        self.lines.extend(Line(now, text + b"\n") for text in finished)
        self._size += sum(len(text) + 1 for text in finished)
        is_old = time.monotonic() - self._rotated >= self._rotation_pause
        if self._size >= self._file_size and is_old:
            self.rotate()
        self._tell()

    def rotate(self) -> None:
        """Begin a new file: from now on a new request gets nothing of what is there."""
        self.files.append(len(self.lines))
        self._size, self._rotated = 0, time.monotonic()

    def end_of_file(self, file: int) -> int:
        """Return the number of the line after the last one of a file."""
        return self.files[file + 1] if file + 1 < len(self.files) else len(self.lines)

    def close(self) -> None:
        """Say that nothing more will come."""
        for stream, text in self._partial.items():
            if text:
                self.lines.append(Line(time.time_ns() - self._skew[stream], text))
        self._partial.clear()
        self.is_closed = True
        self._tell()

    def tail(self, size: int, lines: int) -> str:
        """Return the end of the log: at most so many bytes and lines."""
        text = b"".join(line.text for line in self.lines[self.files[-1] :][-lines:])
        return text[-size:].decode(errors="replace")

    def follow(self, follower: Callable[[], None]) -> None:
        """Call a function whenever there is more, or an end."""
        self._followers.add(follower)

    def unfollow(self, follower: Callable[[], None]) -> None:
        """Stop calling a function."""
        self._followers.discard(follower)

    def sent(self, lines: int) -> None:
        """Note that somebody who follows has got so many lines, from the first on."""
        with self._more_is_sent:
            self._sent = max(self._sent, lines)
            self._more_is_sent.notify_all()

    def wait_until_sent(self, timeout: float) -> bool:
        """Wait until all lines that there are have been sent to somebody; False if they weren't."""
        with self._more_is_sent:
            return self._more_is_sent.wait_for(lambda: self._sent >= len(self.lines), timeout)

    def _tell(self) -> None:
        for follower in list(self._followers):
            follower()
