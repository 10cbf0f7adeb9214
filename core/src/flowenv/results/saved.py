"""A result as the content of a file, in the form that the file's name says."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from flowenv.errors import FlowenvError
from flowenv.serialization.frames import as_arrow, is_table
from flowenv.serialization.plain_data import is_plain


def content_for(value: Any, name: str) -> bytes:
    """What a file of that name holds that a result is written to.

    Bytes, such as a picture, are written as they are, and so is text. Else the name's end says
    how: `.json`, `.csv` and `.parquet` for tables, `.npy` for NumPy's arrays, `.txt` for how
    Python shows it.

    Args:
        value: the result.
        name: the file's name; without an end, the result's own form is taken. `-` is an output,
            where a table is CSV.

    Raises:
        FlowenvError: if a result of its type can't be written so, with the ends that can; or if
            what is in it can't.

    >>> content_for(b"\\x89PNG", "loss.png"), content_for("done", "-"), content_for(1, "a.json")
    (b'\\x89PNG', b'done', b'1\\n')
    >>> content_for([1], "loss.png")
    Traceback (most recent call last):
    ...
    flowenv.errors.FlowenvError: A result of type list can't be written to loss.png. Name a ...
    """
    try:
        return _content(value, name, PurePath(name).suffix.lower())
    except FlowenvError:
        raise
    except Exception as error:  # of which every writer has its own
        kind, why = type(value).__name__, f"{type(error).__name__}: {error}"
        raise FlowenvError(
            f"A result of type {kind} can't be written to {name}: {why}.",
            hint="`flowenv.attach(…).result()` gives it to a script that can write it otherwise.",
        ) from error


def _content(value: Any, name: str, end: str) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, str) and end != ".json":
        return _encoded(value)
    forms = _forms(value)
    if not end and forms:
        end = ".csv" if name == "-" and ".csv" in forms else next(iter(forms))
    if end not in forms:
        kind = type(value).__name__
        raise FlowenvError(
            f"A result of type {kind} can't be written to {name}.",
            hint=f"Name a file that ends in {' or '.join(forms)}.",
        )
    return forms[end]()


def _forms(value: Any) -> dict[str, Callable[[], bytes]]:
    """How a value can be written, by the ends of files' names; the first is its own."""
    forms: dict[str, Callable[[], bytes]] = {}
    if is_table(value):
        forms |= {".parquet": lambda: _parquet(value), ".csv": lambda: _csv(value)}
    numpy = sys.modules.get("numpy")
    if numpy and isinstance(value, numpy.ndarray):
        forms[".npy"] = lambda: _npy(numpy, value)
    if is_plain(value):
        forms[".json"] = lambda: _json(value)
    forms[".txt"] = lambda: f"{value}\n".encode("utf-8", "backslashreplace")
    return forms


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")  # bytes that Python has read so
    except UnicodeEncodeError:  # others that have no letter
        return text.encode("utf-8", "backslashreplace")


def _json(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    return text.encode("utf-8", "backslashreplace")  # a lone surrogate becomes JSON's own escape


def _parquet(value: Any) -> bytes:
    import pyarrow.parquet

    file = io.BytesIO()
    pyarrow.parquet.write_table(as_arrow(value), file)
    return file.getvalue()


def _csv(value: Any) -> bytes:
    if hasattr(value, "to_csv"):  # pandas has an index, which has a column if it says something
        has_names = type(value.index).__name__ != "RangeIndex"
        return str(value.to_csv(index=has_names)).encode()
    import pyarrow.csv

    file = io.BytesIO()
    pyarrow.csv.write_csv(as_arrow(value), file)
    return file.getvalue()


def _npy(numpy: Any, value: Any) -> bytes:
    file = io.BytesIO()
    numpy.save(file, value, allow_pickle=False)
    return file.getvalue()
