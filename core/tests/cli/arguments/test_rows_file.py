"""The rows of a file: each format gives the same values, and all faults are told at once."""

from __future__ import annotations

import csv
import datetime
import decimal
import enum
import gzip
import io
import sys
from pathlib import Path
from typing import Any

import pytest

from flowenv import Flow
from flowenv.cli.arguments import row_formats
from flowenv.cli.arguments.rows_file import read_rows
from flowenv.errors import ParameterError


class Side(enum.Enum):
    BUY = 1
    SELL = 2


def backtest(
    day: datetime.date,
    capital: float = 1.0,
    lots: int = 7,
    at: datetime.datetime | None = None,
    side: Side = Side.BUY,
    days: list[datetime.date] = [],  # noqa: B006
    free=None,
    count=5,
) -> None: ...


FLOW = Flow(backtest)
DAY = datetime.date(2024, 1, 31)


def read(path: Path, text: str | bytes, **common: Any) -> list[dict[str, Any]]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_rows(path, FLOW, common)


def refused(path: Path, text: str, **common: Any) -> str:
    with pytest.raises(ParameterError) as caught:
        read(path, text, **common)
    return str(caught.value).replace(f"{path.parent}/", "")


def test_csv_json_and_parquet_of_one_frame_give_the_same_rows(tmp_path):
    pandas = pytest.importorskip("pandas")
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    frame = pandas.DataFrame(
        {
            "day": pandas.to_datetime(["2024-01-31", "2024-02-01"]),
            "capital": [2, 3],
            "lots": [3.0, None],  # a column of integers in which one is missing
            "at": pandas.to_datetime(["2024-01-31 12:30", "2024-02-01 00:00"]),
        }
    )
    frame["day"] = frame["day"].dt.as_unit("ns")
    wanted = [
        {"day": DAY, "capital": 2.0, "lots": 3, "at": datetime.datetime(2024, 1, 31, 12, 30)},
        {"day": datetime.date(2024, 2, 1), "capital": 3.0, "at": datetime.datetime(2024, 2, 1)},
    ]
    lines = frame.to_json(orient="records", lines=True, date_format="iso")
    # pandas writes the index of a filtered frame as a column
    table = pyarrow.Table.from_pandas(pandas.concat([frame, frame]).iloc[[2, 1]])
    assert "__index_level_0__" in table.column_names
    parquet.write_table(table, tmp_path / "a.parquet")
    found = [
        read(tmp_path / "a.csv", frame.to_csv(index=False)),
        read(tmp_path / "a.jsonl", lines),
        read_rows(tmp_path / "a.parquet", FLOW, {}),
    ]
    assert [repr(one) for one in found] == [repr(wanted)] * 3


def test_a_parquet_file_has_decimals_lists_and_nulls_too(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    table = pyarrow.table(
        {
            "day": [datetime.datetime(2024, 1, 31)],
            "capital": [decimal.Decimal("0.1")],
            "days": [[datetime.datetime(2024, 1, 31)]],
            "side": [2],
            "lots": pyarrow.nulls(1),
            "at": pyarrow.nulls(1),
            "free": pyarrow.nulls(1),
            "count": pyarrow.nulls(1),
        }
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    assert read_rows(tmp_path / "a.parquet", FLOW, {}) == [
        {"day": DAY, "capital": 0.1, "days": [DAY], "side": Side.SELL, "at": None, "free": None}
    ]


@pytest.mark.parametrize(
    ("cell", "value"),
    [("[1, 2]", [1, 2]), ("007", "007"), ("7", 7), ("true", True), ("a b", "a b"), ("", ...)],
)
def test_a_csv_cell_without_an_annotation_is_json_or_text_as_with_p(tmp_path, cell, value):
    found = io.StringIO()
    csv.writer(found).writerows([["day", "free"], ["2024-01-31", cell]])
    assert read(tmp_path / "a.csv", found.getvalue())[0].get("free", ...) == value


def test_a_json_line_has_dates_in_lists_and_members_by_their_values(tmp_path):
    line = '{"day": "2024-01-31T00:00:00.000", "days": ["2024-01-31"], "side": 2, "free": "7"}'
    assert read(tmp_path / "a.jsonl", line) == [
        {"day": DAY, "days": [DAY], "side": Side.SELL, "free": "7"}
    ]


def test_several_faults_are_told_at_once_and_the_others_counted(tmp_path):
    text = "day,capital\n" + "2024-01-31,x\n" + "2024-01-31\n" + "x,x\n" + ",2\n" + "x,1\n" * 9
    lines = refused(tmp_path / "a.csv", text).splitlines()
    assert lines[0] == "14 faults:"
    assert lines[1:6] == [
        "  a.csv, line 2, column capital: 'x': expected a number.",
        "  a.csv, line 3: 1 cells, but 2 columns.",
        "  a.csv, line 4, column day: 'x': expected an ISO date, such as 2026-01-31.",
        "  a.csv, line 4, column capital: 'x': expected a number.",
        "  a.csv, line 5: The flow backtest needs the parameter day. On the command line: -p day=…",
    ]
    assert lines[11:] == ["  and 4 more"]


def test_a_column_that_is_no_parameter_is_told_once(tmp_path):
    assert refused(tmp_path / "a.csv", "dya\n2024-01-31\n2024-01-31\n") == (
        "a.csv, line 2: The flow backtest has no parameter 'dya'. Did you mean 'day'?"
    )


def test_a_very_long_name_is_told_in_short(tmp_path):
    said = refused(tmp_path / "a.jsonl", '{"' + "y" * 9000 + '": 1}')
    assert said.startswith(f"a.jsonl, line 1: The flow backtest has no parameter '{'y' * 100}'…. ")


def test_what_p_gives_is_not_blamed_on_the_file(tmp_path):
    said = refused(tmp_path / "a.csv", "lots\n1\n", dya=DAY)
    assert said == "-p dya: The flow backtest has no parameter 'dya'. Did you mean 'day'?"
    said = refused(tmp_path / "a.csv", "day,lots\n2024-01-31,1\n2024-01-31,1\n", lots=1)
    assert said == "a.csv, line 2: the parameter lots is given with -p, too."


def test_a_null_without_a_default_is_told(tmp_path):
    said = refused(tmp_path / "a.jsonl", '{"day": null}')
    assert said == "a.jsonl, line 1, column day: It is a date, not None."


def test_a_time_of_day_where_a_date_is_wanted_is_told(tmp_path):
    said = refused(tmp_path / "a.csv", "day\n2024-01-31 12:00:00\n")
    assert said.startswith("a.csv, line 2, column day: '2024-01-31 12:00:00': expected an ISO date")


def test_the_index_of_a_frame_has_no_name_in_a_csv_file(tmp_path):
    assert "to_csv(…, index=False)" in refused(tmp_path / "a.csv", ",day\n0,2024-01-31\n")


def test_a_long_cell_is_read_and_the_limit_of_others_kept(tmp_path):
    before = csv.field_size_limit()
    assert read(tmp_path / "a.csv", f"day,free\n2024-01-31,{'x' * 200_000}\n")
    assert csv.field_size_limit() == before


@pytest.mark.parametrize(
    ("name", "text"), [("a.csv.gz", "day\n2024-01-31\n"), ("a.JSONL.gz", '{"day": "2024-01-31"}')]
)
def test_a_compressed_file_is_read(tmp_path, name, text):
    assert read(tmp_path / name, gzip.compress(text.encode())) == [{"day": DAY}]


# the moment stands in what is compressed: as its name a test would be another in each process
@pytest.mark.parametrize(
    "text", [b"day\n", gzip.compress(b"day\n" * 99)[:-12]], ids=["plain", "cut"]
)
def test_what_is_not_compressed_as_it_says_is_told(tmp_path, text):
    assert "a.csv.gz can't be read: " in refused(tmp_path / "a.csv.gz", text)


@pytest.mark.parametrize("text", ["day\n2024-01-31\n", '\n {"day": "2024-01-31"}'])
def test_the_standard_input_is_a_file_too(monkeypatch, text):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert read_rows(Path("-"), FLOW, {}) == [{"day": DAY}]


def test_the_standard_input_is_named_as_such(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"day\nx\n")))
    with pytest.raises(ParameterError, match="The standard input, line 2, column day: 'x'"):
        read_rows(Path("-"), FLOW, {})


def test_a_number_of_very_many_digits_is_told_with_its_line(tmp_path):
    said = refused(tmp_path / "a.jsonl", '{"free": 1}\n{"free": ' + "9" * 5000 + "}")
    assert "a.jsonl, line 2: a number has more than 4300 digits." in said


def parquet_of(path: Path, *columns: Any) -> Path:
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    names = [f"c{number}" for number in range(len(columns))]
    parquet.write_table(pyarrow.table(list(columns), names=names), path)
    return path


@pytest.mark.parametrize(
    ("kind", "count"),
    [("date32", 2**31 - 1), ("timestamp", 2**60), ("duration", 2**62)],
)
def test_a_moment_in_parquet_that_python_does_not_have_is_told(tmp_path, kind, count):
    pyarrow = pytest.importorskip("pyarrow")
    types = {"timestamp": pyarrow.timestamp("ms"), "duration": pyarrow.duration("s")}
    column = pyarrow.array([count], pyarrow.int32() if kind == "date32" else pyarrow.int64())
    path = parquet_of(tmp_path / "a.parquet", column.cast(types.get(kind, pyarrow.date32())))
    with pytest.raises(ParameterError, match="a date, a time or a duration that Python doesn't"):
        read_rows(path, FLOW, {})


def test_a_damaged_parquet_file_is_told_wherever_a_bit_is_another(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    column = pyarrow.array([1, 2], pyarrow.int8())
    good = parquet_of(tmp_path / "a.parquet", column).read_bytes()
    for at in range(len(good) - 100, len(good)):  # where the columns are described
        damaged = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        with pytest.raises(ParameterError):  # at the least FLOW has no parameter c0
            read(tmp_path / "a.parquet", damaged)


@pytest.mark.parametrize(
    ("name", "limit", "most", "said"),
    [
        ("a.jsonl.gz", "LONGEST_LINE", 30, "a.jsonl.gz, line 3 has more than 30 characters"),
        ("a.csv.gz", "LONGEST_LINE", 12, "a.csv.gz, line 3 has more than 12 characters"),
        ("a.csv", "MOST_BYTES", 20, "a.csv has more than 20 characters"),
        ("a.jsonl", "MOST_ROWS", 1, "a.jsonl has more than 1 rows"),
        ("a.csv", "MOST_ROWS", 1, "a.csv has more than 1 rows"),
        ("a.parquet", "MOST_ROWS", 1, "a.parquet has more than 1 rows"),
        ("a.parquet", "MOST_VALUES", 3, "a.parquet has more than 3 values"),
        ("a.parquet", "MOST_BYTES", 99, "a.parquet has more than 99 bytes"),
    ],
)
def test_no_more_is_read_than_there_is_room_for(tmp_path, monkeypatch, name, limit, most, said):
    days = ["2024-01-31", f"2024-01-31{' ' * 99}"]
    if name == "a.parquet":
        parquet_of(tmp_path / name, days, days)
    else:
        lines = [f'{{"day": "{one}"}}' for one in days]
        text = "\n".join(["", *lines] if "json" in name else ["day", *days]).encode()
        (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    monkeypatch.setattr(row_formats, limit, most)
    with pytest.raises(ParameterError) as caught:
        read_rows(tmp_path / name, FLOW, {})
    assert str(caught.value).removeprefix(f"{tmp_path}/").startswith(said)


def test_of_an_endless_standard_input_only_so_much_is_read(monkeypatch):
    monkeypatch.setattr(row_formats, "MOST_BYTES", 1000)
    with Path("/dev/zero").open() as endless, monkeypatch.context() as patched:
        patched.setattr(sys, "stdin", endless)
        with pytest.raises(ParameterError, match="The standard input has more than 1,000 bytes"):
            read_rows(Path("-"), FLOW, {})


def test_a_header_of_very_many_columns_is_looked_through_once(tmp_path):
    names = [f"c{number}" for number in range(100_000)]
    said = refused(tmp_path / "a.csv", ",".join([*names, "c7"]) + "\n")
    assert said == "a.csv, line 1: the column c7 is there twice."
