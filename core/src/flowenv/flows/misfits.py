"""Parameters that can't be meant: a text where a number is annotated, and the like."""

from __future__ import annotations

import datetime
import decimal
import itertools
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

_MOST_ITEMS = 1000


def misfit(value: object, annotation: Any) -> str:
    """What is wrong with a parameter's value, and what to give; empty if nothing is known to be.

    Of lists and the like the items are looked at too, the first thousand.

    Only plain annotations are looked at (`int`, `str | None`, `list[float]`, a `Literal`, a
    `date`), and only values of Python's own plain types: a flow may well take a NumPy number for
    an `int`, a list for a tuple, or whatever its own classes do.

    Args:
        value: the value.
        annotation: the parameter's annotation.

    >>> misfit("5", int), misfit(5, float), misfit("a,b", list[str])
    ("is an integer, not str. Give 5, not '5'.", '', 'is list[str], not str.')
    >>> misfit([1, "2"], list[int])
    "is list[int], and its item 1 is an integer, not str. Give 2, not '2'."
    """
    wanted = _kinds(annotation)
    if wanted is None or type(value) not in (*_SCALARS, *_SEVERAL, types.NoneType):
        return ""
    near = [one for one in wanted if _is_near(value, one)]
    if near:
        wrong = [_misfit_within(value, one) for one in near]
        return "" if "" in wrong else f"is {_described(wanted, annotation)}, and {wrong[0]}"
    said = f"is {_described(wanted, annotation)}, not {type(value).__name__}."
    takes_several = any((get_origin(one) or one) in _SEVERAL for one in wanted)
    if isinstance(value, str) and len(value) < 40 and not takes_several:
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
    return [annotation] if (origin or annotation) in (*_SCALARS, *_SEVERAL, *_EXACT) else None


def _misfit_within(value: Any, kind: Any) -> str:
    """What is wrong with the first item of a list, a tuple, a set or a mapping that misfits."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin not in _SEVERAL or not arguments:
        return ""
    if origin is dict:
        for key, one in itertools.islice(value.items(), _MOST_ITEMS):
            if wrong := misfit(key, arguments[0]):
                return f"its key {_short(key)} {wrong}"
            if wrong := misfit(one, arguments[1]):
                return f"its {_short(key)} {wrong}"
        return ""
    if origin is tuple and isinstance(value, set | frozenset):
        return ""  # which of its items is meant to be which, nobody knows
    if origin is tuple and arguments[-1] is not Ellipsis:
        if len(value) != len(arguments):
            return f"it has {len(value)} items, not {len(arguments)}."
        pairs = zip(value, arguments, strict=True)
    else:
        pairs = zip(value, itertools.repeat(arguments[0]))
    for number, (one, annotation) in enumerate(itertools.islice(pairs, _MOST_ITEMS)):
        if wrong := misfit(one, annotation):
            return f"its item {number} {wrong}"
    return ""


def _short(key: object) -> str:
    text = repr(key)
    return text if len(text) <= 40 else f"{text[:39]}…"


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
    if (several := get_origin(kind) or kind) in _SEVERAL:
        return isinstance(value, _SEVERAL) and isinstance(value, dict) == (several is dict)
    if kind is decimal.Decimal and type(value) is int:
        return True  # it counts as one wherever they are added or compared
    return fits(value, kind)
