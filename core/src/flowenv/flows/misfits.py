"""Parameters that can't be meant: a text where a number is annotated, and the like."""

from __future__ import annotations

import datetime
import decimal
import types
import uuid
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from flowenv.settings.values import describe, fits, parse

_SCALARS = (str, int, float, bool, bytes)
_SEVERAL = (list, tuple, set, frozenset, dict)
_EXACT = (
    *(datetime.datetime, datetime.date, datetime.time, datetime.timedelta),
    *(decimal.Decimal, uuid.UUID),
)
"""Classes that no plain value stands for, unlike a `Path`, for which a text is often given."""


def misfit(value: object, annotation: Any) -> str:
    """What is wrong with a parameter's value, and what to give; empty if nothing is known to be.

    Only plain annotations are looked at (`int`, `str | None`, `list[float]`, a `Literal`, a
    `date`), and only values of Python's own plain types: a flow may well take a NumPy number for
    an `int`, a list for a tuple, or whatever its own classes do.

    Args:
        value: the value.
        annotation: the parameter's annotation.

    >>> misfit("5", int), misfit(5, float), misfit("a,b", list[str])
    ("is an integer, not str. Give 5, not '5'.", '', 'is list[str], not str.')
    """
    wanted = _kinds(annotation)
    if wanted is None or type(value) not in (*_SCALARS, *_SEVERAL, types.NoneType):
        return ""
    if any(_is_near(value, one) for one in wanted):
        return ""
    said = f"is {_described(wanted, annotation)}, not {type(value).__name__}."
    if isinstance(value, str) and len(value) < 40 and not set(wanted) & set(_SEVERAL):
        try:
            meant = parse(value, annotation)
        except ValueError:
            return said
        shown = _as_code(meant)
        return f"{said} Give {shown}, not {value!r}."
    return said


def _kinds(annotation: Any) -> list[Any] | None:
    """The plain types, None and literals that an annotation stands for; None if there is more."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kinds(arguments[0])
    if origin in (Union, types.UnionType):
        found = [_kinds(one) for one in arguments]
        return None if None in found else [kind for kinds in found for kind in kinds or ()]
    if origin is Literal:
        return [annotation]
    if annotation in (None, types.NoneType):
        return [types.NoneType]
    plain = origin or annotation
    return [plain] if plain in (*_SCALARS, *_SEVERAL, *_EXACT) else None


def _described(kinds: list[Any], annotation: Any) -> str:
    """The annotation in words; those for dates and times tell how they are written as texts."""
    if not any(kind in _EXACT for kind in kinds):
        return describe(annotation)
    return " or ".join(_name(kind) if kind in _EXACT else describe(kind) for kind in kinds)


def _name(kind: type) -> str:
    return f"a {kind.__module__}.{kind.__name__}"


def _as_code(value: object) -> str:
    """The value as one writes it, with its module where that isn't said already."""
    if isinstance(value, decimal.Decimal | uuid.UUID):
        return f"{type(value).__module__}.{value!r}"
    return repr(value)


def _is_near(value: object, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if kind in (int, float):
        return isinstance(value, int | float) if kind is float else isinstance(value, int)
    if kind in _SEVERAL:
        pairs = isinstance(value, dict)
        return isinstance(value, _SEVERAL) and pairs == (kind is dict)
    if kind is decimal.Decimal and type(value) is int:
        return True  # it counts as one wherever they are added or compared
    return fits(value, kind)
