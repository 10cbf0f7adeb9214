"""A file with a row of parameters for each run: CSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowenv.errors import ParameterError

if TYPE_CHECKING:
    from flowenv.flows.definition import Flow


def read_rows(path: Path, flow: Flow[..., Any], common: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a file; its columns are parameters, texts are read as annotations say.

    Args:
        path: a file whose name ends in `.csv`, `.jsonl` or `.parquet`.
        flow: the flow.
        common: parameters that all rows have besides.

    Raises:
        ParameterError: naming the file, the line and the column.
    """
    readers = {".csv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ParameterError(
            f"{path} has rows in no format that is known.",
            hint="Name a file that ends in .csv, .jsonl or .parquet.",
        )
    try:
        rows = [_parsed(row, common, flow, where) for where, row in reader(path)]
    except OSError as error:
        raise ParameterError(f"{path} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ParameterError(
            f"{path} isn't UTF-8 text: {error}.", hint='Spreadsheets write that as "CSV UTF-8".'
        ) from error
    if not rows:
        raise ParameterError(f"{path} has no rows.")
    return rows


def _parsed(
    row: Mapping[str, Any], common: Mapping[str, Any], flow: Flow[..., Any], where: str
) -> dict[str, Any]:
    from flowenv.cli.arguments.prepare import annotation_of
    from flowenv.settings.values import fits, parse

    values = dict(common)
    for name, value in row.items():
        if name in common:
            raise ParameterError(f"{where}: the parameter {name} is given with -p, too.")
        wanted = annotation_of(flow, name)
        if isinstance(value, str) and not fits(value, wanted):
            try:
                value = parse(value, wanted)
            except ValueError as error:
                cell = _as_seen(name, value, wanted)
                raise ParameterError(f"{where}, column {name}: {cell}: {error}.") from error
        values[name] = value
    try:
        return flow.check(values)
    except ParameterError as error:
        raise ParameterError(f"{where}: {error.message}", hint=error.hint) from error


def _as_seen(name: str, text: str, annotation: Any) -> str:
    """A cell as a message may show it: short, on one line, and no secret."""
    from flowenv.runs.shown_parameters import shown_parameters
    from flowenv.secret import Secret
    from flowenv.settings.values import describe

    is_secret = Secret.__name__ in describe(annotation)
    return shown_parameters({name: Secret(text) if is_secret else text})[name]


def _csv(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, [])
            _check_header(path, header)
            for cells in reader:
                where = f"{path}, line {reader.line_num}"
                if not cells:
                    continue  # an empty line
                if len(cells) != len(header):
                    raise ParameterError(f"{where}: {len(cells)} cells, but {len(header)} columns.")
                # an empty cell leaves a parameter as its default has it
                yield where, {n: c for n, c in zip(header, cells, strict=True) if c != ""}
        except csv.Error as error:
            raise ParameterError(f"{path}, line {reader.line_num}: {error}.") from error


def _check_header(path: Path, header: list[str]) -> None:
    if not header:
        raise ParameterError(f"{path} has no rows.")
    for name in header:
        if not name.isidentifier():
            hint = "The first line names the flow's parameters."
            if ";" in name or "\t" in name:
                hint += " Columns are separated by commas."
            raise ParameterError(
                f"{path}, line 1: the column {name!r} can't be a parameter's name.", hint=hint
            )
        if header.count(name) > 1:
            raise ParameterError(f"{path}, line 1: the column {name} is there twice.")


def _json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            where = f"{path}, line {number}"
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ParameterError(f"{where}: no JSON: {error}.") from error
            if not isinstance(row, dict):
                raise ParameterError(
                    f"{where}: {type(row).__name__}, not parameters by name.",
                    hint='A line is an object such as {"day": "2026-01-31"}.',
                )
            yield where, row


def _parquet(path: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    try:
        from pyarrow import ArrowInvalid
        from pyarrow.parquet import read_table
    except ImportError as error:
        raise ParameterError(
            f"{path} can't be read without pyarrow.", hint="Install pyarrow, or write a CSV file."
        ) from error
    try:
        rows = read_table(path).to_pylist()
    except ArrowInvalid as error:
        raise ParameterError(f"{path} is no Parquet file: {error}") from error
    return ((f"{path}, row {number}", row) for number, row in enumerate(rows, 1))
