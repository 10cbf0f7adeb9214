"""A stream's lines, of which none takes more memory than it may."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

LONGEST = 32 * 1024 * 1024
"""Bytes of a line that are kept."""


def lines_of(chunks: Iterable[bytes], longest: int = LONGEST) -> Iterator[bytes]:
    r"""The lines with their ends; the last one has none if the stream ended inside it.

    Args:
        chunks: the stream, as it comes.
        longest: bytes of a line that are kept; the line then says how many were left out.

    >>> list(lines_of([b"one\ntw", b"o\nthree"]))
    [b'one\n', b'two\n', b'three']
    >>> list(lines_of([b"12345", b"678\n9\n"], longest=4))
    [b'1234 [flowenv: 4 bytes of this line are left out]\n', b'9\n']
    """
    begun = _Begun(longest)
    for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            begun.add(line)
            yield begun.taken() + b"\n"
        begun.add(rest)
    if begun.size:
        yield begun.taken()


class _Begun:
    """A line whose end hasn't come."""

    def __init__(self, longest: int) -> None:
        self.size = 0
        self._longest = longest
        self._kept: list[bytes] = []

    def add(self, part: bytes) -> None:
        room = self._longest - self.size
        self.size += len(part)
        if room > 0 and part:
            self._kept.append(part[:room])

    def taken(self) -> bytes:
        """The line, of which nothing is kept any more."""
        line, left_out = b"".join(self._kept), self.size - self._longest
        self._kept, self.size = [], 0
        if left_out > 0:
            line += b" [flowenv: %d bytes of this line are left out]" % left_out
        return line
