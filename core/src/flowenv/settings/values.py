"""Texts and JSON values made what an annotation says."""

from __future__ import annotations

import collections.abc
import datetime
import enum
import re
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from flowenv.settings.annotations import alias_of, describe, fits

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


def parse(text: str, annotation: Any) -> Any:
    """What a text from the command line means where the annotation stands.

    Lists may be written with commas or as JSON, mappings as JSON; what they hold is read by
    its own annotation, however deep.

    Args:
        text: what the user typed.
        annotation: the parameter's annotation; `Any` takes JSON, else the text itself.

    Raises:
        ValueError: if the text doesn't parse; the message says what was expected.

    >>> parse("3", int), parse("a,b", list[str]), parse("no", bool), parse("x", str | None)
    (3, ['a', 'b'], False, 'x')
    >>> parse("3,4", list[int]), parse("none", int | None), parse('{"a": 1}', dict)
    ([3, 4], None, {'a': 1})
    >>> parse("[[1, 2], [3]]", list[tuple[float, ...]])
    [(1, 2), (3,)]
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return parse(text, arguments[0])
    if inner := alias_of(annotation):
        return parse(text, inner)
    if origin in (Union, types.UnionType):
        return _parse_union(text, annotation, arguments)
    if origin is Literal:
        for one in arguments:
            if str(one) == text:
                return one
        raise ValueError(f"expected {describe(annotation)}")
    plain = origin or annotation
    if not isinstance(plain, type):
        return _anything(text)
    if plain in _SCALARS or _is_number_or_id(plain):
        return _parse_scalar(text, plain)
    if issubclass(plain, enum.Enum):
        return _parse_enum(text, plain)
    if issubclass(plain, str):
        return plain(text)
    if _is_sequence(plain):
        return _parse_sequence(text, annotation)
    if issubclass(plain, collections.abc.Mapping):
        return convert(_from_json(text, annotation), annotation)
    value = _anything(text)
    if not fits(value, annotation):
        raise ValueError(f"expected {describe(annotation)}, which no text can give")
    return value


def _is_number_or_id(plain: type) -> bool:
    """True for classes of the standard library that read themselves from a text."""
    return f"{plain.__module__}.{plain.__name__}" in (
        "decimal.Decimal",
        "fractions.Fraction",
        "uuid.UUID",
    )


def _parse_scalar(text: str, plain: type) -> Any:
    try:
        return _SCALARS.get(plain, plain)(text)
    except (ValueError, KeyError, ArithmeticError) as error:
        raise ValueError(f"expected {describe(plain)}") from error


def _boolean(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(text)


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:  # a spreadsheet or pandas may write 3.0
        number = float(text)
        if not number.is_integer() or abs(number) > _MOST_EXACT:
            raise
        return int(number)


def _moment(text: str) -> datetime.datetime:
    if re.search(r"[.,]\d{6}\d*[1-9]", text):  # it would be cut in silence
        raise ValueError(text)
    return datetime.datetime.fromisoformat(text)


def _date(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:  # a midnight is one, too
        moment = _moment(text)
        if moment.tzinfo or moment.time() != datetime.time.min:
            raise
        return moment.date()


_MOST_EXACT = 2**53
"""Up to here every integer is a float."""

_SCALARS: dict[Any, Any] = {
    int: _integer,
    float: float,
    bool: _boolean,
    bytes: str.encode,
    Path: Path,
    datetime.datetime: _moment,
    datetime.date: _date,
    datetime.time: datetime.time.fromisoformat,
    datetime.timedelta: lambda text: datetime.timedelta(seconds=float(text)),
}


def _parse_union(text: str, annotation: Any, arguments: tuple[Any, ...]) -> Any:
    if types.NoneType in arguments and text.lower() in ("none", "null"):
        return None
    # str accepts everything, so it goes last
    for one in sorted(arguments, key=lambda a: a in (str, Any, object)):
        if one is types.NoneType:
            continue
        try:
            return parse(text, one)
        except ValueError:
            continue
    raise ValueError(f"expected {describe(annotation)}")


def _parse_enum(text: str, plain: type[enum.Enum]) -> enum.Enum:
    for member in plain:
        if text in (member.name, str(member.value)):
            return member
    names = ", ".join(f"{member.name} ({member.value})" for member in plain)
    raise ValueError(f"expected one of {names}")


def _is_sequence(plain: type) -> bool:
    return issubclass(plain, list | tuple | set | frozenset) or plain in (
        collections.abc.Sequence,
        collections.abc.Iterable,
        collections.abc.Collection,
    )


def _parse_sequence(text: str, annotation: Any) -> Any:
    if text.lstrip().startswith("["):
        values = _from_json(text, annotation)
        if not isinstance(values, list):
            raise ValueError(f"expected {describe(annotation)}")
        return convert(values, annotation)
    parts = [part.strip() for part in text.split(",")] if text else []
    items = _item_annotations(annotation, len(parts))
    return _collected(
        [parse(part, one) for part, one in zip(parts, items, strict=True)], annotation
    )


def _item_annotations(annotation: Any, count: int) -> tuple[Any, ...]:
    """The annotation of each item of a sequence.

    Raises:
        ValueError: if it can't have that many.
    """
    arguments = get_args(annotation)
    if get_origin(annotation) is tuple and ... not in arguments:
        if len(arguments) != count:
            raise ValueError(f"expected {describe(annotation)}")
        return arguments
    return (arguments[0] if arguments else Any,) * count


def _collected(values: list[Any], annotation: Any) -> Any:
    plain = get_origin(annotation) or annotation
    return plain(values) if plain in (tuple, set, frozenset) else values


def _from_json(text: str, annotation: Any) -> Any:
    try:
        import json

        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"expected {describe(annotation)} as JSON: {error}") from error


def convert(value: Any, annotation: Any) -> Any:
    """A JSON value as the annotation wants it: its texts become paths, dates, members, ….

    Args:
        value: what a JSON document holds.
        annotation: what it is for.

    Raises:
        ValueError: if it doesn't fit.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return convert(value, arguments[0])
    if inner := alias_of(annotation):
        return convert(value, inner)
    plain = origin or annotation
    if isinstance(value, list) and isinstance(plain, type) and _is_sequence(plain):
        items = _item_annotations(annotation, len(value))
        converted = [convert(one, item) for one, item in zip(value, items, strict=True)]
        return _collected(converted, annotation)
    if isinstance(value, dict) and len(arguments) == 2 and fits({}, plain):
        key, item = arguments
        return {convert(k, key): convert(v, item) for k, v in value.items()}
    if fits(value, annotation):
        return value
    if origin in (Union, types.UnionType):
        return _convert_union(value, annotation, arguments)
    if isinstance(value, str) and plain is not bool:
        return parse(value, annotation)
    if isinstance(plain, type) and issubclass(plain, enum.Enum):
        return _parse_enum(str(value), plain)
    raise ValueError(f"expected {describe(annotation)}")


def _convert_union(value: Any, annotation: Any, arguments: tuple[Any, ...]) -> Any:
    for one in arguments:
        try:
            return convert(value, one)
        except ValueError:
            continue
    raise ValueError(f"expected {describe(annotation)}")


def _anything(text: str) -> Any:
    try:
        import json

        return json.loads(text)
    except ValueError:
        return text
