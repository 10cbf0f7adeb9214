"""The formats of a file of rows: CSV, JSON lines and Parquet."""

from __future__ import annotations

import csv
import io
import json
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from flowenv.errors import ParameterError
from flowenv.runs.shown_parameters import shortened

if TYPE_CHECKING:
    from flowenv.batches.row_faults import RowFaults

LONGEST_LINE = 16 * 1024 * 1024
"""Characters of a line, and of a cell that has several; more than any platform takes of a run's
parameters."""
MOST_BYTES = 256 * 1024 * 1024
"""Of a file, uncompressed."""
MOST_ROWS = 1_000_000
MOST_VALUES = 20_000_000
"""The cells of a Parquet file, and the items in them: a few bytes there can stand for millions."""


@dataclass(frozen=True)
class FileRow:
    """A row as its file has it.

    Args:
        where: the file, and the line or row in it.
        values: the cells by the names of their columns.
        is_text: whether all cells are texts, which mean what annotations say.
    """

    where: str
    values: dict[str, Any]
    is_text: bool = False


_Reader = Callable[[IO[bytes], str, "RowFaults"], Iterator[FileRow]]


def file_rows(path: Path, faults: RowFaults) -> Iterator[FileRow]:
    """The rows of a file, by the end of its name; of the standard input, by how it begins.

    Args:
        path: a file, which may be compressed by gzip; or `-`.
        faults: takes what is wrong with single lines, which are left out.

    Raises:
        ParameterError: if it can't be read.
    """
    said = "The standard input" if str(path) == "-" else str(path)
    try:
        file, reader = _standard_input() if str(path) == "-" else _opened(path)
        with file:
            for number, row in enumerate(reader(file, said, faults), 1):
                _check(said, number, MOST_ROWS, "rows")
                yield row
    except (OSError, EOFError, zlib.error) as error:
        because = getattr(error, "strerror", None) or error
        raise ParameterError(f"{said} can't be read: {because}.") from error
    except UnicodeDecodeError as error:
        raise ParameterError(
            f"{said} isn't UTF-8 text: {error}.", hint='Spreadsheets write that as "CSV UTF-8".'
        ) from error


def _check(said: str, count: int, most: int, of_what: str) -> None:
    if count > most:
        raise ParameterError(
            f"{said} has more than {most:,} {of_what}.", hint="Make several batches of it."
        )


def _opened(path: Path) -> tuple[IO[bytes], _Reader]:
    readers: dict[str, _Reader] = {
        ".csv": _csv,
        ".jsonl": _json_lines,
        ".ndjson": _json_lines,
        ".parquet": _parquet,
    }
    is_packed = path.suffix.lower() == ".gz"
    reader = readers.get((path.with_suffix("") if is_packed else path).suffix.lower())
    if reader is None:
        raise ParameterError(
            f"{path} has rows in no format that is known.",
            hint="Name a file that ends in .csv, .jsonl or .parquet, or in .csv.gz or .jsonl.gz.",
        )
    if is_packed:
        import gzip

        return cast(IO[bytes], gzip.open(path)), reader
    return path.open("rb"), reader


def _standard_input() -> tuple[IO[bytes], _Reader]:
    if sys.stdin is None or sys.stdin.isatty():
        raise ParameterError(
            "--each - reads the rows from the standard input, which is the terminal here.",
            hint="Give it a file: flowenv run … --each - < days.csv",
        )
    content = sys.stdin.buffer.read(MOST_BYTES + 1)
    _check("The standard input", len(content), MOST_BYTES, "bytes")
    is_json = content.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
    reader = _parquet if content.startswith(b"PAR1") else _json_lines if is_json else _csv
    return io.BytesIO(content), reader


def _csv(file: IO[bytes], said: str, faults: RowFaults) -> Iterator[FileRow]:
    limit = csv.field_size_limit(LONGEST_LINE)
    with io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
        reader = csv.reader(_lines(text, said), strict=True)
        try:
            header = next(reader, [])
            _check_header(said, header)
            for cells in reader:
                where = f"{said}, line {reader.line_num}"
                if not cells:
                    continue  # an empty line
                if len(cells) != len(header):
                    faults.add(f"{where}: {len(cells)} cells, but {len(header)} columns.")
                    continue
                # an empty cell leaves a parameter as its default has it
                given = {n: c for n, c in zip(header, cells, strict=True) if c != ""}
                yield FileRow(where, given, is_text=True)
        except csv.Error as error:
            raise ParameterError(f"{said}, line {reader.line_num}: {error}.") from error
        finally:
            csv.field_size_limit(limit)  # it is the whole process's


def _check_header(said: str, header: list[str]) -> None:
    if not header:
        raise ParameterError(f"{said} has no rows.")
    seen = set[str]()
    for name in header:
        if not name.isidentifier():
            hint = "The first line names the flow's parameters."
            if ";" in name or "\t" in name:
                hint += " Columns are separated by commas."
            if name == "":
                hint += " pandas leaves its index out with to_csv(…, index=False)."
            raise ParameterError(
                f"{said}, line 1: the column {shortened(name)!r} can't be a parameter's name.",
                hint=hint,
            )
        if name in seen:
            raise ParameterError(f"{said}, line 1: the column {shortened(name)} is there twice.")
        seen.add(name)


def _lines(text: IO[str], said: str) -> Iterator[str]:
    """The lines of a file, none of which is held that is too long, whatever it is packed to."""
    number, characters = 0, 0
    while line := text.readline(LONGEST_LINE + 1):
        number, characters = number + 1, characters + len(line)
        _check(f"{said}, line {number}", len(line), LONGEST_LINE, "characters")
        _check(said, characters, MOST_BYTES, "characters")
        yield line


def _json_lines(file: IO[bytes], said: str, faults: RowFaults) -> Iterator[FileRow]:
    with io.TextIOWrapper(file, "utf-8-sig") as text:
        for number, line in enumerate(_lines(text, said), 1):
            if line.strip():
                yield from _json_line(line.rstrip(), f"{said}, line {number}", faults)


def _json_line(line: str, where: str, faults: RowFaults) -> Iterator[FileRow]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        faults.add(f"{where}, character {error.pos + 1}: no JSON: {error.msg}.")
    except ValueError:
        most = sys.get_int_max_str_digits()
        faults.add(f"{where}: a number has more than {most} digits.")
    except RecursionError:
        faults.add(f"{where}: the JSON is nested too deeply.")
    else:
        if isinstance(row, dict):
            yield FileRow(where, row)
        else:
            hint = 'A line is an object such as {"day": "2026-01-31"}.'
            faults.add(f"{where}: {type(row).__name__}, not parameters by name.", hint)


def _parquet(file: IO[bytes], said: str, faults: RowFaults) -> Iterator[FileRow]:
    try:
        from pyarrow import ArrowException, BufferReader
        from pyarrow.parquet import read_metadata, read_table
    except ImportError as error:
        raise ParameterError(
            f"{said} can't be read without pyarrow.", hint="Install pyarrow, or write a CSV file."
        ) from error
    content = file.read(MOST_BYTES + 1)
    _check(said, len(content), MOST_BYTES, "bytes")
    try:
        _check_parquet(said, read_metadata(BufferReader(content)))
        table = read_table(BufferReader(content))
        # an index of pandas' that nobody has named is no parameter
        unnamed = [one for one in table.column_names if _is_unnamed_index(one, table.schema)]
        rows = table.drop_columns(unnamed).to_pylist()
    except ParameterError:
        raise
    except OverflowError as error:
        raise ParameterError(
            f"{said} has a date, a time or a duration that Python doesn't have: {error}."
        ) from error
    except (ArrowException, ValueError, LookupError, TypeError) as error:
        raise ParameterError(f"{said} can't be read as a Parquet file: {error}") from error
    for number, row in enumerate(rows, 1):
        yield FileRow(f"{said}, row {number}", row)


def _check_parquet(said: str, metadata: Any) -> None:
    """Check by what is said of a Parquet file that there is room for what it unfolds to."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    values = sum(one.column(i).num_values for one in groups for i in range(one.num_columns))
    rows = max(metadata.num_rows, sum(one.num_rows for one in groups))
    _check(said, rows, MOST_ROWS, "rows")
    _check(said, values, MOST_VALUES, "values")
    _check(said, sum(one.total_byte_size for one in groups), MOST_BYTES, "bytes")


def _is_unnamed_index(column: str, schema: Any) -> bool:
    return b"pandas" in (schema.metadata or {}) and (
        column.startswith("__index_level_") and column.endswith("__")
    )
