"""Results that travel in a run's log: in marked lines that nobody is shown.

A line names its run and the beginning of the result's digest; what the lines hold together is
believed only if it has the whole digest, which the run's record tells. The record and the lines
may both be somebody else's: neither says where to look, and both are bounded.
"""

from __future__ import annotations

import base64
import contextlib
import os
import zlib
from collections.abc import Iterable, Iterator

from flowenv.results.document import digest

MARK = "flowenv-result"
"""What such a line begins with; the run's id comes next."""
LARGEST = 1024 * 1024
"""The most bytes that travel so, compressed."""
LARGEST_DOCUMENT = 64 * LARGEST
"""The most bytes that they may be when they aren't compressed."""
_CHUNK = 2880
"""Bytes a line: with its base64 and its beginning it fits into 4,096 bytes, which a pipe takes as
a whole (PIPE_BUF), whoever else writes there."""
MOST_LINES = LARGEST // _CHUNK + 1
"""The most lines of a result."""
REHEARSED_RESULT = "result.txt"
"""The file, beside the record's, that holds the lines of a rehearsal, which has no log."""
_LONGEST = 4096
_TRIES = 8
"""How many sets of lines are looked at, in case some are somebody else's."""
_DIGITS = 16


def lines_of(run_id: str, content: bytes) -> list[str] | None:
    """The lines that carry a document; None if it is too large.

    Args:
        run_id: the run.
        content: the document.
    """
    packed = zlib.compress(content, 6)
    if len(packed) > LARGEST or len(content) > LARGEST_DOCUMENT:
        return None
    chunks = [packed[at : at + _CHUNK] for at in range(0, len(packed), _CHUNK)]
    begin = f"{MARK} {run_id} {digest(content)[:_DIGITS]}"
    return [
        f"{begin} {number}/{len(chunks)} {base64.b64encode(chunk).decode()}"
        for number, chunk in enumerate(chunks, 1)
    ]


def first_line_of(run_id: str, sha256: str) -> str:
    """What the first line of a document begins with."""
    return f"{MARK} {run_id} {sha256[:_DIGITS]} 1/"


def write_lines(lines: Iterable[str], descriptor: int = 1) -> None:
    """Write the lines to the process's own output, each in one piece.

    Raises:
        OSError: if that can't be written to.
    """
    with contextlib.suppress(OSError):  # a child may have left it so
        os.set_blocking(descriptor, True)
    for line in lines:
        left = memoryview(f"{line}\n".encode())
        while left:
            left = left[os.write(descriptor, left) :]


def parted(line: str, run_id: str) -> tuple[str, str]:
    """What of a log line is the flow's, and what carries a part of its result.

    A flow that doesn't end its last line has the result's beginning behind it.

    >>> parted("epoch 3: loss 0.25", "6f1c")
    ('epoch 3: loss 0.25', '')
    >>> parted("doneflowenv-result 6f1c 00 1/1 eJw=", "6f1c")
    ('done', 'flowenv-result 6f1c 00 1/1 eJw=')
    """
    before, mark, rest = line.partition(f"{MARK} {run_id} ")
    return before, mark + rest


def content_in(lines: Iterable[str], run_id: str, sha256: str) -> bytes | None:
    """The document that a log's lines carry; None if one of them is missing.

    Args:
        lines: of the run's log, whatever else there is among them.
        run_id: the run.
        sha256: the document's digest, as the record tells it.
    """
    begin = f"{MARK} {run_id} {sha256[:_DIGITS]} "
    found: dict[int, bytes] = {}
    tries = 0
    for line in lines:
        at = line.find(begin)
        if at < 0 or len(line) - at > _LONGEST:
            continue
        place, _, text = line[at + len(begin) :].partition(" ")
        number, _, of = place.partition("/")
        if not (number.isdecimal() and of.isdecimal() and len(place) < 20):
            continue
        if not 1 <= int(number) <= int(of) <= MOST_LINES:
            continue
        with contextlib.suppress(ValueError):
            found[int(number)] = base64.b64decode(text.rstrip(), validate=True)
        if len(found) == int(of) and tries < _TRIES:
            tries += 1
            if (content := _joined(found, sha256)) is not None:
                return content
    return None


def _joined(found: dict[int, bytes], sha256: str) -> bytes | None:
    packed = b"".join(found[number] for number in sorted(found))
    with contextlib.suppress(zlib.error):
        content = zlib.decompressobj().decompress(packed, LARGEST_DOCUMENT)
        if digest(content) == sha256:
            return content
    return None


def without_lines(lines: Iterable[str], run_id: str, kept: list[str]) -> Iterator[str]:
    """The lines for people; those that carry a result are kept instead, if they aren't too many.

    Args:
        lines: of the run's log.
        run_id: the run.
        kept: where the others go, the newest ones.
    """
    for line in lines:
        before, carried = parted(line, run_id)
        if not carried:
            yield line
            continue
        kept.append(carried[:_LONGEST])
        if len(kept) > 3 * MOST_LINES:  # a result and files have twice as many at most
            del kept[:MOST_LINES]
        if before:
            yield before
