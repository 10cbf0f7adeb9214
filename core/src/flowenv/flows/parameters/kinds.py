"""The plain types that an annotation stands for."""

from __future__ import annotations

import datetime
import decimal
import functools
import types
import uuid
from typing import Annotated, Any, Literal, Union, get_args, get_origin

SCALARS = (str, int, float, bool, bytes)
SEVERAL = (list, tuple, set, frozenset, dict)
EXACT = (
    *(datetime.datetime, datetime.date, datetime.time, datetime.timedelta),
    *(decimal.Decimal, uuid.UUID),
)
"""Classes that no text stands for, unlike a `Path`, for which one is often given."""


def kinds(annotation: Any) -> list[Any] | None:
    """The plain types, None and literals that an annotation stands for; None if there is more.

    >>> kinds(int | None), kinds(list[str]), kinds(object)
    ([<class 'int'>, <class 'NoneType'>], [list[str]], None)
    """
    try:
        return _known(annotation)
    except TypeError:  # an unhashable annotation
        return _kinds(annotation)


def _kinds(annotation: Any) -> list[Any] | None:
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
    return [annotation] if (origin or annotation) in (*SCALARS, *SEVERAL, *EXACT) else None


_known = functools.lru_cache(256)(_kinds)
