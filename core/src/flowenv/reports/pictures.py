"""Pictures in a page: PNG files that somebody's flow has left, if they are no more than that."""

from __future__ import annotations

import base64
from dataclasses import dataclass

LARGEST = 1024 * 1024
"""The bytes of a picture that a page shows."""
_WIDEST, _MOST_POINTS = 10_000, 25_000_000
"""What a browser unpacks without trouble: a picture of few bytes can have very many points."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SHOWN = (b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"IDAT", b"IEND")
"""The chunks of which a picture is made; others are texts and the like."""
_HEAD = 24


@dataclass(frozen=True)
class Picture:
    """A picture as a page has it.

    Args:
        url: itself, as a `data:` URL.
        width: in points.
        height: in points.
    """

    url: str
    width: int
    height: int


def picture(content: bytes) -> Picture | None:
    """A picture, if the content is a PNG of a reasonable size; else None.

    What follows its end, and what it carries besides the picture, isn't in it.

    Args:
        content: of a file.

    >>> picture(b"<svg onload='alert(1)'>") is None
    True
    """
    if len(content) > LARGEST or len(content) < _HEAD or not content.startswith(_SIGNATURE):
        return None
    if content[12:16] != b"IHDR":
        return None
    width, height = (int.from_bytes(content[at : at + 4]) for at in (16, 20))
    if not (0 < width <= _WIDEST and 0 < height <= _WIDEST and width * height <= _MOST_POINTS):
        return None
    kept = _without_more(content)
    if kept is None:
        return None
    return Picture(f"data:image/png;base64,{base64.b64encode(kept).decode()}", width, height)


def _without_more(content: bytes) -> bytes | None:
    """A PNG without what isn't shown of it, and without what follows it; None if it has no end."""
    kept, at = [_SIGNATURE], len(_SIGNATURE)
    while at + 12 <= len(content):  # a chunk's length, its kind, itself, its checksum
        kind, end = content[at + 4 : at + 8], at + 12 + int.from_bytes(content[at : at + 4])
        if end > len(content):
            return None
        if kind in _SHOWN:
            kept.append(content[at:end])
        if kind == b"IEND":
            return b"".join(kept)
        at = end
    return None
