"""NumPy's arrays in its own format without pickles, and its scalars by their type and number."""

from __future__ import annotations

import base64
import io
import math
import re
import sys
from typing import Any

from flowenv.serialization.missing_packages import not_installed

ARRAY, SCALAR = "$array", "$scalar"
_NUMBER = re.compile(r"[<>|=]?[biuf][0-9]{1,2}")


def encode_array(value: Any) -> Any:
    """An array or a scalar as JSON data; `NotImplemented` for all else, and arrays of objects."""
    numpy = sys.modules.get("numpy")  # without it imported, nothing is an array
    if numpy is None:
        return NotImplemented
    if isinstance(value, numpy.generic) and _NUMBER.fullmatch(value.dtype.str):
        number = value.item()
        if isinstance(number, bool | int | float):  # no wider float than Python's
            text = repr(number) if isinstance(number, float) else number
            return {SCALAR: value.dtype.str, "value": text}
    is_array = type(value) is numpy.ndarray or isinstance(value, numpy.generic)
    if not is_array or value.dtype.hasobject or not str(value.dtype).isascii():
        return NotImplemented
    with io.BytesIO() as file:
        numpy.save(file, value, allow_pickle=False)
        data = {ARRAY: base64.b64encode(file.getvalue()).decode()}
    return {**data, "scalar": True} if isinstance(value, numpy.generic) else data


def read_array(data: dict[str, Any]) -> Any:
    """The array that a document holds.

    Raises:
        PayloadError: if NumPy isn't installed.
    """
    try:
        import numpy
    except ImportError as error:
        raise not_installed("an array", "NumPy", "numpy") from error
    content = base64.b64decode(data[ARRAY])
    _check_size(numpy, content)
    found = numpy.load(io.BytesIO(content), allow_pickle=False)
    return found[()] if data.get("scalar") is True and found.shape == () else found


def _check_size(numpy: Any, content: bytes) -> None:
    """Check that an array has the bytes that its header tells of, before room is made for it.

    Raises:
        ValueError: if it hasn't, or is another kind of file.
    """
    with io.BytesIO(content) as file:
        version = numpy.lib.format.read_magic(file)
        read_header = {
            (1, 0): numpy.lib.format.read_array_header_1_0,
            (2, 0): numpy.lib.format.read_array_header_2_0,
        }[version]
        shape, _, kind = read_header(file)
        count, left = math.prod(shape), len(content) - file.tell()
    if count < 0 or count > 8 * len(content) or count * kind.itemsize != left:
        raise ValueError(f"{len(content):,} bytes can't hold an array of the shape {shape}")


def read_scalar(data: dict[str, Any]) -> Any:
    """The scalar that a document holds; Python's own number where NumPy isn't installed."""
    if not _NUMBER.fullmatch(data[SCALAR]):
        raise ValueError(f"no type of a number: {data[SCALAR]!r}")
    given = data["value"]
    number = float(given) if isinstance(given, str) else given
    try:
        import numpy
    except ImportError:
        return number
    return numpy.dtype(data[SCALAR]).type(number)
