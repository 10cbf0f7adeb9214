"""Pictures in a page: PNG files that somebody's flow has left, if they are no more than that."""

from __future__ import annotations

import base64
from dataclasses import dataclass

LARGEST = 1024 * 1024
"""The bytes of a picture that a page shows."""
_WIDEST, _MOST_POINTS = 10_000, 25_000_000
"""What a browser unpacks without trouble: a picture of few bytes can have very many points."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
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
    return Picture(f"data:image/png;base64,{base64.b64encode(content).decode()}", width, height)
