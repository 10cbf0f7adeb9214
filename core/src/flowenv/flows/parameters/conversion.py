"""Values made what an annotation says, where nothing is lost: one rule, wherever they come from."""

from __future__ import annotations

import datetime
import decimal
import inspect
import sys
import types
from collections.abc import Callable
from typing import Any, get_args, get_origin

from flowenv.flows.parameters.kinds import SEVERAL, kinds

_LOSES = object()
"""Stands for a value that can't be had without a loss."""

_PYTHONS = frozenset(
    (bool, int, float, complex, str, bytes, list, tuple, set, frozenset, dict, types.NoneType)
)


def as_annotated(value: Any, annotation: Any) -> Any:
    """A value as its annotation has it, if nothing is lost by that; else as it is.

    A timestamp at midnight is a date, a date the midnight that it begins with, 3.0 an integer, 3 a
    float, a decimal number the float that is written alike; NumPy's and pandas' values are
    Python's own, and the items of lists and the like are what their annotation says. Without an
    annotation only pandas' timestamps and durations become Python's own, which can travel
    anywhere.

    Args:
        value: what a caller, a file or the command line gives.
        annotation: the parameter's annotation; `inspect.Parameter.empty` for none.

    >>> as_annotated(datetime.datetime(2024, 1, 31), datetime.date)
    datetime.date(2024, 1, 31)
    >>> as_annotated(3, float), as_annotated(3.0, int | None), as_annotated(3.5, int)
    (3.0, 3, 3.5)
    """
    if annotation in (inspect.Parameter.empty, Any, object):
        return _of_pandas(value)
    wanted = kinds(annotation)
    if wanted is None or type(value) in wanted:
        return value
    given = pythons_own(value)
    if type(given) in wanted:
        return given
    for kind in wanted:
        if (made := _made(given, kind)) is not _LOSES:
            return made
    return given


def pythons_own(value: Any) -> Any:
    """Python's own value for one of NumPy's or pandas', if that loses nothing; else the same."""
    if type(value) in _PYTHONS:
        return value
    numpy = sys.modules.get("numpy")  # without it imported, nothing is one of its values
    if numpy is not None and isinstance(value, getattr(numpy, "generic", ())):
        return _of_numpy(value, numpy)
    return _of_pandas(value)


def _of_numpy(value: Any, numpy: Any) -> Any:
    if not isinstance(value, numpy.datetime64 | numpy.timedelta64):
        found = value.item()
        return found if type(found) in _PYTHONS else value
    if numpy.isnat(value):
        return None
    is_moment = isinstance(value, numpy.datetime64)
    found = value.item()
    if isinstance(found, int):  # finer than Python's own, out of its range, or without a unit
        if not is_moment and numpy.datetime_data(value.dtype)[0] in ("Y", "M"):
            return value  # months aren't all of the same length
        rounded = value.astype("datetime64[us]" if is_moment else "timedelta64[us]")
        # Too large a number wraps around without a word, in a comparison of units too; not in
        # the way back, which makes it smaller.
        found = rounded.item() if rounded.astype(value.dtype) == value else value
    return found if isinstance(found, datetime.date | datetime.timedelta) else value


def _of_pandas(value: Any) -> Any:
    if str(type(value).__module__).partition(".")[0] != "pandas":
        return value
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return value  # a class of somebody's own that says so
    if value is pandas.NaT or value is pandas.NA:
        return None
    try:
        if isinstance(value, pandas.Timestamp) and not value.nanosecond:
            return value.to_pydatetime()
        if isinstance(value, pandas.Timedelta) and not value.nanoseconds:
            return value.to_pytimedelta()
    except (ValueError, OverflowError):  # beyond Python's range
        return value
    return value


def _made(value: Any, kind: Any) -> Any:
    origin = get_origin(kind) or kind
    if origin in SEVERAL:
        is_one = isinstance(value, SEVERAL) and isinstance(value, dict) == (origin is dict)
        return _with_items(value, origin, get_args(kind)) if is_one else _LOSES
    make = _MAKERS.get(origin)
    return make(value) if make else _LOSES


def _with_items(value: Any, origin: type, arguments: tuple[Any, ...]) -> Any:
    """A collection whose items are what its annotation says; the same one if they are already."""
    if not arguments or type(value) not in SEVERAL:
        return value
    if isinstance(value, dict):
        keys = _made_items(list(value), arguments[:1] * len(value))
        items = _made_items(list(value.values()), arguments[1:] * len(value))
        return dict(zip(keys, items, strict=True))
    is_alike = origin is not tuple or arguments[-1] is Ellipsis
    of_each = arguments[:1] * len(value) if is_alike else arguments
    if len(of_each) != len(value) or (isinstance(value, set | frozenset) and not is_alike):
        return value  # which of its items is meant to be which, nobody knows
    return type(value)(_made_items(list(value), of_each))


def _made_items(items: list[Any], annotations: tuple[Any, ...]) -> list[Any]:
    first = annotations[0] if items else None
    if set(map(type, items)) <= {first} and annotations.count(first) == len(items):
        return items  # of many numbers none is looked at
    return [as_annotated(one, wanted) for one, wanted in zip(items, annotations, strict=True)]


def _integer(value: Any) -> Any:
    if type(value) is bool:
        return int(value)
    is_whole = type(value) is float and value.is_integer()
    if type(value) is decimal.Decimal and value.is_finite():
        is_whole = value == value.to_integral_value()
    return int(value) if is_whole else _LOSES


def _float(value: Any) -> Any:
    if type(value) not in (bool, int, decimal.Decimal):
        return _LOSES
    try:
        found = float(value)
    except (OverflowError, ValueError):
        return _LOSES
    same: bool = (
        decimal.Decimal(repr(found)) == value
        if type(value) is decimal.Decimal
        else int(found) == value
    )
    return found if same else _LOSES


def _decimal(value: Any) -> Any:
    return decimal.Decimal(value) if type(value) is int else _LOSES


def _date(value: Any) -> Any:
    if type(value) is not datetime.datetime or value.tzinfo or value.time() != datetime.time.min:
        return _LOSES
    return value.date()


def _datetime(value: Any) -> Any:
    if type(value) is not datetime.date:
        return _LOSES
    return datetime.datetime.combine(value, datetime.time.min)


_MAKERS: dict[Any, Callable[[Any], Any]] = {
    int: _integer,
    float: _float,
    decimal.Decimal: _decimal,
    datetime.date: _date,
    datetime.datetime: _datetime,
}
