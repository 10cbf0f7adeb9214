"""Arrays and tables that say they hold more than they do: they take no memory, and end nothing."""

from __future__ import annotations

import base64
import contextlib
import io
from typing import Any

import numpy
import pandas
import polars
import pyarrow
import pytest

from flowenv.errors import PayloadError
from flowenv.serialization.arrays import encode_array, read_array
from flowenv.serialization.frames import encode_frame, read_frame
from flowenv.serialization.plain_data import decode_data

MANY = 2_000_000_000
"""Values that no test machine has room for."""


def stream_of(table: pyarrow.Table, **options: Any) -> bytes:
    out = pyarrow.BufferOutputStream()
    options = {"options": pyarrow.ipc.IpcWriteOptions(**options)}
    with pyarrow.ipc.new_stream(out, table.schema, **options) as writer:
        writer.write_table(table)
    return bytes(out.getvalue())


def nulls() -> bytes:
    return stream_of(pyarrow.table({"a": pyarrow.nulls(MANY)}))


def nulls_in_a_list() -> bytes:
    offsets = pyarrow.array([0, MANY], pyarrow.int64())
    lists = pyarrow.LargeListArray.from_arrays(offsets, pyarrow.nulls(MANY))
    return stream_of(pyarrow.table({"a": lists}))


def one_run() -> bytes:
    runs = pyarrow.RunEndEncodedArray.from_arrays([MANY], [1])
    return stream_of(pyarrow.table({"a": runs}))


def short_runs() -> bytes:
    return stream_of(pyarrow.table({"a": pyarrow.RunEndEncodedArray.from_arrays([2], [1])}))


def compressed() -> bytes:
    return stream_of(pyarrow.table({"a": numpy.zeros(1_000_000)}), compression="zstd")


def wrong_index() -> bytes:
    indices = pyarrow.array([0, 99_999_999], pyarrow.int32())
    found = pyarrow.DictionaryArray.from_arrays(indices, pyarrow.array(["x"]), safe=False)
    return stream_of(pyarrow.table({"a": found}))


def wrong_offset() -> bytes:
    """A text that ends a gigabyte behind its buffer, where other memory is, or none."""
    data = stream_of(pyarrow.table({"a": pyarrow.array(["abc", "defg"])}))
    right = numpy.array([0, 3, 7], numpy.int32).tobytes()
    assert data.count(right) == 1
    return data.replace(right, numpy.array([0, 3, 1 << 30], numpy.int32).tobytes())


def not_utf8() -> bytes:
    return stream_of(pyarrow.table({"a": pyarrow.array(["abcdefgh"])})).replace(
        b"abcdefgh", b"\xff\xfe\xff\xfeefgh"
    )


def shared_texts() -> bytes:
    """A thousand texts that are the same megabyte."""
    text = b"x" * 1_000_000
    view = numpy.array([len(text), 0, 0, 0], numpy.int32)
    buffers = [None, pyarrow.py_buffer(numpy.tile(view, 1000)), pyarrow.py_buffer(text)]
    views = pyarrow.Array.from_buffers(pyarrow.binary_view(), 1000, buffers)
    return stream_of(pyarrow.table({"a": views}))


def shared_texts_in_disguise() -> bytes:
    (views,) = pyarrow.ipc.open_stream(shared_texts()).read_all()["a"].chunks
    kind = pyarrow.opaque(views.type, "kind", "vendor")
    disguised = pyarrow.ExtensionArray.from_storage(kind, views)
    return stream_of(pyarrow.table({"a": disguised}))


def cut(at: int) -> bytes:
    return stream_of(pyarrow.table({"a": [1, 2, 3]}))[:at]


@pytest.mark.parametrize("kind", ["pandas", "series", "polars", "arrow"])
@pytest.mark.parametrize(
    "made",
    [
        nulls,
        nulls_in_a_list,
        one_run,
        short_runs,
        compressed,
        wrong_index,
        wrong_offset,
        not_utf8,
        shared_texts,
        shared_texts_in_disguise,
        lambda: cut(100),
        lambda: b"",
    ],
    ids=lambda made: made.__name__,
)
def test_a_table_that_is_none_is_an_error(made: Any, kind: str) -> None:
    document = {"$frame": kind, "value": base64.b64encode(made()).decode()}

    with pytest.raises(PayloadError, match="can't be read"):
        decode_data(document)


@pytest.mark.parametrize("place", range(0, 400, 3))
def test_a_stream_with_a_wrong_byte_is_a_table_or_an_error(place: int) -> None:
    data = bytearray(stream_of(pyarrow.table({"a": [1, 2], "b": ["x", None]})))
    data[place] ^= 0x55
    with contextlib.suppress(PayloadError):
        decode_data({"$frame": "pandas", "value": base64.b64encode(data).decode()})


@pytest.mark.parametrize("shape", [f"({MANY},)", f"(-{MANY},)", f"({MANY},0)", "(2,)"])
def test_an_array_that_lacks_its_bytes_is_an_error(shape: str) -> None:
    with io.BytesIO() as file:
        numpy.save(file, numpy.zeros(1))
        content = file.getvalue().replace(b"(1,)", shape.encode())

    with pytest.raises(PayloadError, match="can't be read"):
        decode_data({"$array": base64.b64encode(content).decode()})


def test_an_archive_is_no_array() -> None:
    with io.BytesIO() as file:
        numpy.savez_compressed(file, a=numpy.zeros(1_000_000))
        content = file.getvalue()

    with pytest.raises(PayloadError, match="can't be read"):
        decode_data({"$array": base64.b64encode(content).decode()})


@pytest.mark.parametrize(
    "value",
    [
        pandas.DataFrame({"a": [1, 2], "s": ["x", None], "c": pandas.Categorical(["a", "b"])}),
        pandas.DataFrame(index=range(1000)),
        pandas.DataFrame({"n": [None] * 1000}),
        polars.DataFrame({"s": ["x"], "l": [["a", "b"]], "n": [None]}),
        polars.DataFrame({"c": polars.Series(["a", "b"], dtype=polars.Categorical)}),
    ],
    ids=str,
)
def test_what_is_a_table_still_comes_back(value: Any) -> None:
    assert read_frame(encode_frame(value)).equals(value)


@pytest.mark.parametrize(
    "value",
    [
        numpy.zeros((0, 5)),
        numpy.array("text"),
        numpy.array(5),
        numpy.zeros(2, dtype=[("a", "i4"), ("b", "U3")]),
        numpy.asfortranarray(numpy.ones((3, 4))),
    ],
    ids=str,
)
def test_what_is_an_array_still_comes_back(value: Any) -> None:
    found = read_array(encode_array(value))
    assert (found == value).all()
    assert found.dtype == value.dtype


def test_names_that_only_numpy_reads_make_no_array() -> None:
    assert encode_array(numpy.zeros(1, dtype=[("日", "i4")])) is NotImplemented
