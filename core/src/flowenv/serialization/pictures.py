"""A figure of matplotlib as the picture that it shows."""

from __future__ import annotations

import base64
import io
import sys
from typing import Any

PNG = "$png"


class Picture(bytes):
    """A PNG, which notebooks show.

    >>> Picture(b"the file").decode()
    'the file'
    """

    def _repr_png_(self) -> bytes:
        return bytes(self)


def encode_picture(value: Any) -> Any:
    """A figure or a picture as JSON data; `NotImplemented` for all else."""
    if type(value) is not Picture:
        figures = sys.modules.get("matplotlib.figure")
        if figures is None or not isinstance(value, figures.Figure):
            return NotImplemented
        with io.BytesIO() as file:
            value.savefig(file, format="png", bbox_inches="tight")
            value = file.getvalue()
    return {PNG: base64.b64encode(value).decode()}


def read_picture(data: dict[str, Any]) -> Picture:
    """The picture that a document holds."""
    return Picture(base64.b64decode(data[PNG]))
