"""Data as JSON: values that any Python can read back, and that reading can't make act.

Plain JSON data stays as it is; what Python has beyond it (NaN, bytes, dates, decimals, paths,
tuples, sets, mappings with any keys), NumPy's arrays and scalars, and tables are marked.
Reading imports nothing that the document names, calls nothing and unpickles nothing: so it is safe
whoever wrote the document.
"""

from __future__ import annotations

import base64
import copy
import datetime
import decimal
import json
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from flowenv.errors import PayloadError
from flowenv.serialization.arrays import ARRAY, SCALAR, encode_array, read_array, read_scalar
from flowenv.serialization.frames import FRAME, encode_frame, read_frame
from flowenv.serialization.pictures import PNG, read_picture
from flowenv.settings.hidden import HiddenItems

OBJECT, PICKLE, EXECUTOR = "$object", "$pickle", "$executor"
"""Marks of what is no data: see `flowenv.serialization.encoding`."""
PLAIN, TEXT, ITEMS = "$plain", "$text", "$items"
MARKS = frozenset({OBJECT, PICKLE, EXECUTOR, PLAIN, TEXT, ITEMS, ARRAY, SCALAR, FRAME, PNG})

Decode = Callable[[Any], Any]
Reader = Callable[[dict[str, Any], Decode], Any]


def _microseconds(text: str) -> datetime.timedelta:
    return datetime.timedelta(microseconds=int(text))


_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "path": Path,
    "posix_path": PurePosixPath,
    "windows_path": PureWindowsPath,
    "datetime": datetime.datetime.fromisoformat,
    "date": datetime.date.fromisoformat,
    "time": datetime.time.fromisoformat,
    "timedelta": _microseconds,
    "bytes": base64.b64decode,
    "bytearray": lambda text: bytearray(base64.b64decode(text)),
    "int": lambda text: int(text, 16),
    "float": float,
    "complex": complex,
    "decimal": decimal.Decimal,
    "uuid": uuid.UUID,
}
_TO_TEXT: dict[type, tuple[str, Callable[[Any], str]]] = {
    type(Path()): ("path", str),
    PurePosixPath: ("posix_path", str),
    PureWindowsPath: ("windows_path", str),
    datetime.datetime: ("datetime", datetime.datetime.isoformat),
    datetime.date: ("date", datetime.date.isoformat),
    datetime.time: ("time", datetime.time.isoformat),
    datetime.timedelta: ("timedelta", lambda t: str(t // datetime.timedelta(microseconds=1))),
    bytes: ("bytes", lambda data: base64.b64encode(data).decode()),
    bytearray: ("bytearray", lambda data: base64.b64encode(data).decode()),
    int: ("int", hex),  # what is no plain one: too many digits
    float: ("float", repr),  # what is no plain one: NaN and the infinities
    complex: ("complex", repr),
    decimal.Decimal: ("decimal", str),
    uuid.UUID: ("uuid", str),
}
"""Values that travel as text, so that they can be read by any Python."""

_MOST_BITS = 14_000
"""Of an integer in JSON: Python reads and writes no more than 4300 decimal digits."""

_COLLECTIONS: dict[str, type] = {"tuple": tuple, "set": set, "frozenset": frozenset, "dict": dict}

_MALFORMED = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError)


class NotData(ValueError):
    """A document holds more than data: reading it would import, call or unpickle something."""


def encode_data(value: object, encode: Callable[[object, str], Any], what: str) -> Any:
    """A value as JSON data; `NotImplemented` if it is none of the kinds that are data.

    Args:
        value: any object.
        encode: encodes what a collection holds, given what that is.
        what: what the value is, for errors.
    """
    if is_plain(value):
        return value
    if type(value) in _TO_TEXT:
        kind, to_text = _TO_TEXT[type(value)]
        return {TEXT: kind, "value": to_text(value)}
    if isinstance(value, dict):
        inner = {k: encode(v, f"{what}[{k!r}]") for k, v in value.items()}
        if not all(type(k) is str for k in inner):
            keys = [encode(k, f"a key of {what}") for k in inner]
            pairs = [list(pair) for pair in zip(keys, inner.values(), strict=True)]
            return {ITEMS: "dict", "value": pairs}
        return {PLAIN: inner} if MARKS & inner.keys() else inner
    if type(value) is list:
        return [encode(v, f"{what}[{i}]") for i, v in enumerate(value)]
    if isinstance(value, tuple | set | frozenset) and type(value) in _COLLECTIONS.values():
        items = [encode(v, f"{what}[{i}]") for i, v in enumerate(value)]
        # a set has no order of its own, but the same run gives the same bytes
        ordered = items if type(value) is tuple else sorted(items, key=to_json_bytes)
        return {ITEMS: type(value).__name__, "value": ordered}
    data = encode_array(value)
    return encode_frame(value) if data is NotImplemented else data


def is_plain(value: object) -> bool:
    """True if the value is JSON data that reads back as exactly the same.

    >>> is_plain({"a": [1, None]}), is_plain((1, 2)), is_plain({1: 2})
    (True, False, False)
    """
    if value is None or type(value) in (str, bool):
        return True
    if type(value) is int:
        return value.bit_length() <= _MOST_BITS
    if type(value) is float:
        return value == value and abs(value) != float("inf")
    if type(value) is list:
        return all(is_plain(one) for one in value)
    if type(value) is dict:
        return not (MARKS & value.keys()) and all(
            type(k) is str and is_plain(v) for k, v in value.items()
        )
    return False


def decode_data(data: Any) -> Any:
    """The value that `encode_data` was given, if it was data.

    Raises:
        NotData: if it was an object, which only `flowenv.serialization.encoding` reads.
        PayloadError: if the document can't be read.

    >>> decode_data({"$items": "tuple", "value": [1, {"$text": "date", "value": "2026-11-28"}]})
    (1, datetime.date(2026, 11, 28))
    >>> decode_data({"$object": "os:system"})
    Traceback (most recent call last):
    ...
    flowenv.serialization.plain_data.NotData: This holds more than data: $object.
    """
    try:
        return decode_with(_READERS, data)
    except (NotData, PayloadError):
        raise
    except _MALFORMED as error:
        raise PayloadError(f"This can't be read: {type(error).__name__}: {error}.") from error


def decode_with(readers: Mapping[str, Reader], data: Any) -> Any:
    """The value behind a document.

    Args:
        readers: what reads each mark.
        data: the document.
    """

    def decode(data: Any) -> Any:
        if isinstance(data, list):
            return [decode(one) for one in data]
        if not isinstance(data, dict):
            return data
        for mark, read in readers.items():
            if mark in data:
                return read(data, decode)
        return {name: decode(value) for name, value in data.items()}

    return decode(data)


def _read_plain(data: dict[str, Any], decode: Decode) -> Any:
    return {name: decode(value) for name, value in data[PLAIN].items()}


def _read_text(data: dict[str, Any], decode: Decode) -> Any:
    return _FROM_TEXT[data[TEXT]](data["value"])


def _read_items(data: dict[str, Any], decode: Decode) -> Any:
    return _COLLECTIONS[data[ITEMS]](decode(data["value"]))


def _refuse(data: dict[str, Any], decode: Decode) -> Any:
    raise NotData(f"This holds more than data: {', '.join(sorted(MARKS & data.keys()))}.")


DATA_READERS: dict[str, Reader] = {
    PLAIN: _read_plain,
    TEXT: _read_text,
    ITEMS: _read_items,
    ARRAY: lambda data, decode: read_array(data),
    SCALAR: lambda data, decode: read_scalar(data),
    FRAME: lambda data, decode: read_frame(data),
    PNG: lambda data, decode: read_picture(data),
}
# what is no data comes first: it isn't read either where it stands beside data
_READERS = {**dict.fromkeys((OBJECT, PICKLE, EXECUTOR), _refuse), **DATA_READERS}


def to_json_bytes(data: Any) -> bytes:
    """A document as compact JSON bytes, the same for the same data."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace")  # a lone surrogate becomes JSON's own escape


def from_json(text: str | bytes) -> Any:
    """What a JSON text says, whoever wrote it.

    Raises:
        ValueError: if it is no JSON, or nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error


def own_copy(value: Any) -> Any:
    """A value whose mappings, lists and sets, however deep, are copies; all else is the same.

    >>> given = {"sizes": [1, 2]}
    >>> own_copy(given)["sizes"].append(3)
    >>> given
    {'sizes': [1, 2]}
    """
    if type(value) is dict or isinstance(value, HiddenItems):
        return type(value)((key, own_copy(one)) for key, one in value.items())
    if type(value) is list:
        return [own_copy(one) if type(one) in (dict, list, set) else one for one in value]
    return copy.copy(value) if isinstance(value, set) else value
