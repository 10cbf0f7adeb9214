"""What the messages of an Arrow stream say of their sizes, before anything is made of them.

A few bytes can stand for any number of rows: compressed, run-end encoded, or of nulls that take no
room. pyarrow has no limit of its own, so the messages' metadata (FlatBuffers, of Arrow's
`Message.fbs`) are looked at first.
"""

from __future__ import annotations

import struct
from typing import Any

_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3
_HEADER_TYPE, _HEADER = 1, 2
"""Fields of a Message."""
_NODES, _COMPRESSION = 1, 3
"""Fields of a RecordBatch."""
_DATA = 1
"""The field of a DictionaryBatch that is a RecordBatch."""
_NODE = struct.Struct("<qq")


def check_sizes(arrow: Any, data: bytes) -> None:
    """Check that a stream isn't compressed, and that each value in it has at least a bit there.

    Raises:
        ValueError: if not, or if its metadata are malformed.
    """
    values = 0
    try:
        for message in arrow.ipc.MessageReader.open_stream(data):
            values += _values_of(bytes(message.metadata))
    except (struct.error, IndexError) as error:
        raise ValueError(f"the metadata of an Arrow message are malformed: {error}") from error
    if values > 8 * len(data):
        raise ValueError(f"{len(data):,} bytes can't hold {values:,} values")


def _values_of(metadata: bytes) -> int:
    """How many values a message says it holds, of columns and of what is in them."""
    message = _at(metadata, 0)
    place = _field(metadata, message, _HEADER_TYPE)
    kind = metadata[place] if place else 0
    if kind not in (_DICTIONARY_BATCH, _RECORD_BATCH):
        return 0
    batch = _table(metadata, message, _HEADER)
    if kind == _DICTIONARY_BATCH:
        batch = _table(metadata, batch, _DATA)
    if _field(metadata, batch, _COMPRESSION):
        raise ValueError("the table is compressed")
    if not (place := _field(metadata, batch, _NODES)):
        return 0
    nodes = _at(metadata, place)
    (count,) = struct.unpack_from("<I", metadata, nodes)
    if count * _NODE.size > len(metadata):
        raise ValueError("there is no room for so many columns")
    found = (_NODE.unpack_from(metadata, nodes + 4 + i * _NODE.size) for i in range(count))
    return sum(abs(length) for length, _ in found)


def _table(data: bytes, table: int, field: int) -> int:
    if not (place := _field(data, table, field)):
        raise ValueError("a message has no content")
    return _at(data, place)


def _at(data: bytes, place: int) -> int:
    """Where an offset leads."""
    (offset,) = struct.unpack_from("<I", data, place)
    return place + int(offset)


def _field(data: bytes, table: int, index: int) -> int:
    """Where a table's field is; 0 if it isn't set."""
    (back,) = struct.unpack_from("<i", data, table)
    layout = table - back
    if layout < 0:
        raise ValueError("a table has no layout")
    (size,) = struct.unpack_from("<H", data, layout)
    at = 4 + 2 * index
    if at + 2 > size:
        return 0
    (offset,) = struct.unpack_from("<H", data, layout + at)
    return table + int(offset) if offset else 0
