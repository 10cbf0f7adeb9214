"""A file with a row of parameters for each run, as the flow's annotations say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowenv.errors import ParameterError

if TYPE_CHECKING:
    from flowenv.batches.row_faults import RowFaults
    from flowenv.cli.arguments.row_formats import FileRow
    from flowenv.flows.definition import Flow


def read_rows(path: Path, flow: Flow[..., Any], common: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a file; its columns are parameters, texts are read as annotations say.

    Args:
        path: a file of a known format, or `-` for the standard input.
        flow: the flow.
        common: parameters that all rows have besides.

    Raises:
        ParameterError: naming the file, the line and the column of each fault.
    """
    from flowenv.batches.row_faults import RowFaults
    from flowenv.cli.arguments.row_formats import file_rows
    from flowenv.flows.parameters.checking import checked

    common, wrong = checked(flow, common, all_of_them=False)
    for fault in wrong:
        raise ParameterError(f"-p {fault.name}: {fault.message}", hint=fault.hint)
    faults = RowFaults()
    rows = [_read(row, common, flow, faults) for row in file_rows(path, faults)]
    faults.raise_any()
    if not rows:
        raise ParameterError(f"{path} has no rows.")
    return rows


def _read(
    row: FileRow, common: Mapping[str, Any], flow: Flow[..., Any], faults: RowFaults
) -> dict[str, Any]:
    from flowenv.flows.parameters.checking import annotation_of, checked, without_nulls

    values, unread = dict[str, Any](), set[str]()
    for name, value in without_nulls(flow, row.values, as_defaults=True).items():
        if name in common:
            faults.add_once(name, f"{row.where}: the parameter {name} is given with -p, too.")
        wanted = annotation_of(flow, name)
        try:
            values[name] = _as_read(value, wanted, is_text=row.is_text)
        except ValueError as error:
            cell = _as_seen(name, value, wanted)
            faults.add(f"{row.where}, column {name}: {cell}: {error}.")
            values[name], unread = value, {*unread, name}
    found, wrong = checked(flow, {**common, **values})
    for fault in wrong:
        if fault.said:
            if fault.name not in unread:
                faults.add(f"{row.where}, column {fault.name}: It {fault.said}", fault.hint)
        else:
            faults.add_of_row(row.where, fault)
    return found


def _as_read(value: Any, annotation: Any, *, is_text: bool) -> Any:
    """A cell as its annotation says; what isn't text and doesn't fit is left to the check.

    Args:
        value: the cell.
        annotation: the parameter's.
        is_text: whether all cells are texts, which are read as those of `-p` are.

    Raises:
        ValueError: if a text doesn't parse.
    """
    from flowenv.flows.parameters.conversion import as_annotated
    from flowenv.settings.annotations import fits
    from flowenv.settings.values import convert, parse

    if is_text:
        return parse(value, annotation)
    value = as_annotated(value, annotation)
    if fits(value, annotation):
        return value
    if isinstance(value, str):
        return parse(value, annotation)
    try:
        return convert(value, annotation)
    except ValueError:
        return value


def _as_seen(name: str, text: str, annotation: Any) -> str:
    """A cell as a message may show it: short, on one line, and no secret."""
    from flowenv.runs.shown_parameters import shown_parameters
    from flowenv.secret import Secret
    from flowenv.settings.annotations import describe

    is_secret = Secret.__name__ in describe(annotation)
    return shown_parameters({name: Secret(text) if is_secret else text})[name]
