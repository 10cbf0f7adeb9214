"""Annotations: whether a value fits one, and what one is in words."""

from __future__ import annotations

import collections.abc
import datetime
import types
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin


def fits(value: object, annotation: Any) -> bool:
    """True if the value may be given where the annotation stands.

    Annotations that can't be checked at run time accept everything.

    >>> fits(3, int), fits("3", int), fits(3, float), fits(True, int), fits([1], list[str])
    (True, False, True, False, False)
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in (Any, object) or isinstance(annotation, TypeVar | str):
        return True
    if annotation is None or annotation is types.NoneType:
        return value is None
    if origin is Annotated:
        return fits(value, arguments[0])
    if origin in (Union, types.UnionType):
        return any(fits(value, one) for one in arguments)
    if origin is Literal:
        return value in arguments
    if origin is collections.abc.Callable:
        return callable(value)
    if inner := alias_of(annotation):
        return fits(value, inner)
    plain = origin or annotation
    if not isinstance(plain, type):
        return True
    if plain is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if plain is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return _is_instance(value, plain) and _items_fit(value, arguments)


def _items_fit(value: object, arguments: tuple[Any, ...]) -> bool:
    if isinstance(value, collections.abc.Mapping) and len(arguments) == 2:
        key, item = arguments
        return all(fits(k, key) and fits(v, item) for k, v in value.items())
    if isinstance(value, tuple) and arguments and ... not in arguments:
        return len(value) == len(arguments) and all(map(fits, value, arguments))
    if isinstance(value, list | tuple | set | frozenset) and arguments:
        return all(fits(one, arguments[0]) for one in value)
    return True


def alias_of(annotation: Any) -> Any:
    """What a NewType, or a `type X = …`, stands for; None for everything else."""
    return getattr(annotation, "__supertype__", None) or getattr(annotation, "__value__", None)


def _is_instance(value: object, plain: type) -> bool:
    try:
        return isinstance(value, plain)
    except TypeError:  # a Protocol that can't be checked at run time
        return True


def describe(annotation: Any) -> str:
    """The annotation in words, for an error message.

    >>> describe(int), describe(list[str]), describe(int | None), describe(Literal["a", "b"])
    ('an integer', 'list[str]', 'an integer or None', "'a' or 'b'")
    """
    words = {int: "an integer", float: "a number", bool: "true or false", str: "a string"}
    words |= {Path: "a path", types.NoneType: "None", datetime.datetime: "an ISO date and time"}
    words |= {datetime.date: "an ISO date, such as 2026-01-31", datetime.time: "an ISO time"}
    words[datetime.timedelta] = "a number of seconds"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(describe(one) for one in arguments)
    if origin is Literal:
        return " or ".join(repr(one) for one in arguments)
    if origin is collections.abc.Callable:
        return "a function"
    try:
        if annotation in words:
            return words[annotation]
    except TypeError:  # an unhashable annotation
        return str(annotation)
    if origin is None and isinstance(annotation, type):
        name = annotation.__name__
        return f"an {name}" if name[0] in "AEIOU" else f"a {name}"
    return str(annotation).replace("typing.", "").replace("collections.abc.", "")
