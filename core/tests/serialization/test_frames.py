"""Tables as data: what comes back is what was sent, or it is no data."""

from __future__ import annotations

import json

import pytest

from flowenv.errors import PayloadError
from flowenv.serialization.encoding import Encoder
from flowenv.serialization.plain_data import decode_data, to_json_bytes

pandas = pytest.importorskip("pandas")
pyarrow = pytest.importorskip("pyarrow")

FRAME = pandas.DataFrame(
    {
        "name": ["a", None],
        "mean": [1.5, float("nan")],
        "at": pandas.to_datetime(["2026-11-28", None]),
    },
    index=pandas.Index([10, 20], name="key"),
)


def encoded(value):
    return json.loads(to_json_bytes(Encoder().encode(value, "the value")))


@pytest.mark.parametrize(
    "frame",
    [FRAME, FRAME.iloc[:0], FRAME.set_index("name", append=True),
     FRAME.astype({"name": "category"}),
     pandas.DataFrame([[1, 2]])],
)  # fmt: skip
def test_a_table_of_pandas_comes_back(frame):
    pandas.testing.assert_frame_equal(decode_data(encoded(frame)), frame)


@pytest.mark.parametrize("name", ["name", 2, None])
def test_a_series_comes_back(name):
    series = FRAME["name"].rename(name)
    pandas.testing.assert_series_equal(decode_data(encoded(series)), series)


def test_a_table_of_arrow_comes_back():
    table = pyarrow.table({"a": [1, None], "b": [[1], [2, 3]]})
    assert decode_data(encoded(table)).equals(table)


def test_a_table_of_polars_comes_back():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": [1, None], "b": [[1], [2, 3]], "c": ["x", "y"]})
    assert decode_data(encoded(frame)).equals(frame)


@pytest.mark.parametrize("cell", [{1, 2}, object(), 3 + 4j])
def test_a_table_that_would_not_come_back_as_it_was_is_no_data(cell):
    encoder = Encoder()
    encoder.encode({"table": pandas.DataFrame({"a": [cell, None]}, dtype=object)}, "the result")
    assert encoder.not_data == "the result['table'] is a DataFrame"


def test_what_arrow_can_not_read_is_an_error():
    with pytest.raises(PayloadError, match="can't be read"):
        decode_data({"$frame": "pandas", "value": "AAAA"})
