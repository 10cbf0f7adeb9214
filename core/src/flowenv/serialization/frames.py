"""Tables of pandas, Polars and Arrow as Arrow streams, which hold data only."""

from __future__ import annotations

import base64
import sys
from typing import Any

from flowenv.errors import PayloadError
from flowenv.serialization.arrow_messages import check_sizes
from flowenv.serialization.missing_packages import not_installed

FRAME = "$frame"
_SAFE = (14, 0, 1)
"""Older versions of pyarrow may unpickle what a stream names as an extension type."""
_REPEATING = ("run_end_encoded", "_view")
"""Types of which a few bytes stand for any number of values."""


def encode_frame(value: Any) -> Any:
    """A table as JSON data; `NotImplemented` if it is none, or wouldn't come back as it was."""
    kind = _kind(value)
    if kind is None or (arrow := _pyarrow()) is None:
        return NotImplemented
    try:
        table = _to_table(arrow, kind, value)
        stream = arrow.BufferOutputStream()
        with arrow.ipc.new_stream(stream, table.schema) as writer:
            writer.write_table(table)
        data = bytes(stream.getvalue())
        found = _from_stream(arrow, kind, data)
        same = found.equals(value) and _same_types(kind, value, found)
    except Exception:  # Arrow has no type for what is in it
        return NotImplemented
    name = value.name if kind == "series" else None
    if not same or type(name) not in (str, int, type(None)):
        return NotImplemented
    named = {"name": name} if kind == "series" else {}
    return {FRAME: kind, "value": base64.b64encode(data).decode(), **named}


def is_table(value: Any) -> bool:
    """Whether a value is a table, and pyarrow is installed; not whether Arrow has types for it."""
    return _kind(value) is not None and _pyarrow() is not None


def as_arrow(value: Any) -> Any:
    """The Arrow table of a table; None if it is none, or pyarrow isn't installed."""
    kind = _kind(value)
    if kind is None or (arrow := _pyarrow()) is None:
        return None
    return _to_table(arrow, kind, value)


def read_frame(data: dict[str, Any]) -> Any:
    """The table that a document holds.

    Raises:
        PayloadError: if what it is made with isn't installed, or can't read it.
    """
    kind = data[FRAME]
    if kind not in ("pandas", "series", "polars", "arrow"):
        raise ValueError(f"no kind of table: {kind!r}")
    arrow = _pyarrow()
    if arrow is None:
        raise not_installed("a table", "pyarrow (14.0.1 or newer)", "pyarrow>=14.0.1")
    try:
        found = _from_stream(arrow, kind, base64.b64decode(data["value"]))
    except ImportError as error:
        package = "polars" if kind == "polars" else "pandas"
        raise not_installed("a table", package, package) from error
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # what Polars raises where Rust panics is no Exception
        raise PayloadError(f"This holds a table that can't be read: {error}") from error
    return found.rename(data.get("name")) if kind == "series" else found


def _kind(value: Any) -> str | None:
    for module, name, kind in (
        ("pandas", "DataFrame", "pandas"),
        ("pandas", "Series", "series"),
        ("polars", "DataFrame", "polars"),
        ("pyarrow", "Table", "arrow"),
    ):
        if (found := sys.modules.get(module)) and type(value) is getattr(found, name, None):
            return kind
    return None


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError:
        return None
    found = tuple(int(part) for part in pyarrow.__version__.split(".")[:3] if part.isdecimal())
    return pyarrow if found >= _SAFE else None


def _to_table(arrow: Any, kind: str, value: Any) -> Any:
    if kind == "arrow":
        return value
    if kind == "polars":
        return value.to_arrow()
    return arrow.Table.from_pandas(value.to_frame("values") if kind == "series" else value)


def _from_stream(arrow: Any, kind: str, data: bytes) -> Any:
    check_sizes(arrow, data)
    with arrow.ipc.open_stream(data) as reader:
        _check_types(arrow, reader.schema)
        table = reader.read_all()
    # an offset or index that leads out of its buffer reads other memory, or ends the process
    table.validate(full=True)
    if kind == "arrow":
        return table
    if kind == "polars":
        import polars

        return polars.from_arrow(table)
    found = table.to_pandas()
    return found["values"] if kind == "series" else found


def _check_types(arrow: Any, schema: Any) -> None:
    """Check that no value can stand for many: what repeats values by reference stays outside.

    Raises:
        ValueError: naming the type.
    """
    waiting = [field.type for field in schema]
    while waiting:
        kind = waiting.pop()
        inner = [kind.field(i).type for i in range(kind.num_fields)]
        if any(word in str(kind).partition("<")[0] for word in _REPEATING):
            raise ValueError(f"a table of {kind} isn't read")
        if arrow.types.is_dictionary(kind):
            inner.append(kind.value_type)
        if isinstance(kind, arrow.BaseExtensionType):
            inner.append(kind.storage_type)
        waiting += inner


def _same_types(kind: str, value: Any, found: Any) -> bool:
    """Whether what came back has the types it had."""
    if kind == "series":
        return bool(found.dtype == value.dtype)
    if kind == "pandas":
        return bool(found.dtypes.equals(value.dtypes))
    return bool(found.schema == value.schema)
