"""Parameters that can't be meant: a text where a number is annotated, and the like."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from flowenv.settings.values import describe, fits, parse

_SCALARS = (str, int, float, bool, bytes)
_SEVERAL = (list, tuple, set, frozenset, dict)


def misfit(value: object, annotation: Any) -> str:
    """What is wrong with a parameter's value, and what to give; empty if nothing is known to be.

    Only plain annotations are looked at (`int`, `str | None`, `list[float]`, a `Literal`), and
    only values of Python's own plain types: a flow may well take a NumPy number for an `int`, a
    list for a tuple, or whatever its own classes do.

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
    said = f"is {describe(annotation)}, not {type(value).__name__}."
    if isinstance(value, str) and len(value) < 40 and not set(wanted) & set(_SEVERAL):
        try:
            meant = parse(value, annotation)
        except ValueError:
            return said
        return f"{said} Give {meant!r}, not {value!r}."
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
    return [plain] if plain in (*_SCALARS, *_SEVERAL) else None


def _is_near(value: object, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if kind in (int, float):
        return isinstance(value, int | float) if kind is float else isinstance(value, int)
    if kind in _SEVERAL:
        pairs = isinstance(value, dict)
        return isinstance(value, _SEVERAL) and pairs == (kind is dict)
    return fits(value, kind)
