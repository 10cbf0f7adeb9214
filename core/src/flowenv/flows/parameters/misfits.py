"""Parameters that can't be meant: a text where a number is annotated, and the like."""

from __future__ import annotations

import datetime
import decimal
import itertools
import types
import uuid
from typing import Any, Literal, get_args, get_origin

from flowenv.flows.parameters.kinds import EXACT, SCALARS, SEVERAL, kinds
from flowenv.settings.annotations import describe, fits
from flowenv.settings.values import parse

_MOST_ITEMS = 1000
_JUDGED = frozenset((*SCALARS, *SEVERAL, *EXACT, types.NoneType))
_TIMES = ("Timestamp", "Timedelta", "datetime64", "timedelta64")


def misfit(value: object, annotation: Any) -> str:
    """What is wrong with a parameter's value, and what to give; empty if nothing is known to be.

    Of lists and the like the items are looked at too, the first thousand.

    Only plain annotations are looked at (`int`, `str | None`, `list[float]`, a `Literal`, a
    `date`), and only values of Python's own plain types, and dates and times of NumPy and pandas:
    a flow may well take a list for a tuple, or whatever its own classes do.

    Args:
        value: the value, made what the annotation says where that is possible
            (`flowenv.flows.parameters.conversion`).
        annotation: the parameter's annotation.

    >>> misfit("5", int), misfit(5, float), misfit("a,b", list[str])
    ("is an integer, not str. Give 5, not '5'.", '', 'is list[str], not str.')
    >>> misfit([1, "2"], list[int])
    "is list[int], and its item 1 is an integer, not str. Give 2, not '2'."
    """
    wanted = kinds(annotation)
    if wanted is None or type(value) in wanted:
        return ""
    if type(value) not in _JUDGED and not _is_time_of_others(value):
        return ""
    near = [one for one in wanted if _is_near(value, one)]
    if near:
        wrong = [_misfit_within(value, one) for one in near]
        return "" if "" in wrong else f"is {_described(wanted, annotation)}, and {wrong[0]}"
    said = f"is {_described(wanted, annotation)}, not {_kind_of(value)}."
    takes_several = any((get_origin(one) or one) in SEVERAL for one in wanted)
    if isinstance(value, str) and len(value) < 40 and not takes_several:
        try:
            meant = parse(value, annotation)
        except ValueError:
            return said
        shown = _as_code(meant)
        return f"{said} Give {shown}, not {value!r}."
    return said


def _misfit_within(value: Any, kind: Any) -> str:
    """What is wrong with the first item of a list, a tuple, a set or a mapping that misfits."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin not in SEVERAL or not arguments:
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


def _described(wanted: list[Any], annotation: Any) -> str:
    """The annotation in words; those for dates and times tell how they are written as texts."""
    if not any(kind in EXACT for kind in wanted):
        return describe(annotation)
    return " or ".join(_NAMES[kind] if kind in EXACT else describe(kind) for kind in wanted)


_NAMES: dict[Any, str] = {
    datetime.date: "a date",
    datetime.datetime: "a date and time",
    datetime.time: "a time",
    datetime.timedelta: "a duration",
    decimal.Decimal: "a decimal number",
    uuid.UUID: "a UUID",
}


def _kind_of(value: object) -> str:
    """What a value is: its type, but of a date and the like the value says more."""
    if value is None:
        return "None"
    is_shown = type(value) in EXACT or _is_time_of_others(value)
    return str(value) if is_shown and type(value) is not uuid.UUID else type(value).__name__


def _is_time_of_others(value: object) -> bool:
    """True for what NumPy or pandas have for a date, a time or a duration."""
    kind = type(value)
    is_of_others = str(kind.__module__).partition(".")[0] in ("numpy", "pandas")
    return is_of_others and kind.__name__ in _TIMES


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
    if (several := get_origin(kind) or kind) in SEVERAL:
        return isinstance(value, SEVERAL) and isinstance(value, dict) == (several is dict)
    if kind is decimal.Decimal and type(value) is int:
        return True  # it counts as one wherever they are added or compared
    if kind in EXACT:
        return type(value) is kind  # a date and time is a date by its class, and so is a timestamp
    return fits(value, kind)
