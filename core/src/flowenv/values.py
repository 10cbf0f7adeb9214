"""Values against annotations: does one fit, and what does a text mean as one."""

from __future__ import annotations

import collections.abc
import datetime
import enum
import json
import types
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


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
    plain = origin or annotation
    if not isinstance(plain, type):
        return True
    if plain is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if plain is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if not _is_instance(value, plain):
        return False
    if arguments and isinstance(value, collections.abc.Mapping):
        key, item = arguments
        return all(fits(k, key) and fits(v, item) for k, v in value.items())
    if arguments and isinstance(value, list | set | frozenset):
        return all(fits(one, arguments[0]) for one in value)
    return True


def _is_instance(value: object, plain: type) -> bool:
    try:
        return isinstance(value, plain)
    except TypeError:  # a Protocol that can't be checked at run time
        return True


def parse(text: str, annotation: Any) -> Any:
    """What a text from the command line means where the annotation stands.

    Args:
        text: what the user typed.
        annotation: the parameter's annotation; `Any` takes JSON, else the text itself.

    Raises:
        ValueError: if the text doesn't parse; the message says what was expected.

    >>> parse("3", int), parse("a,b", list[str]), parse("no", bool), parse("x", str | None)
    (3, ['a', 'b'], False, 'x')
    >>> parse("3,4", list[int]), parse("none", int | None), parse('{"a": 1}', dict)
    ([3, 4], None, {'a': 1})
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return parse(text, arguments[0])
    if origin in (Union, types.UnionType):
        return _parse_union(text, annotation, arguments)
    if origin is Literal:
        for one in arguments:
            if str(one) == text:
                return one
        raise ValueError(f"expected {describe(annotation)}")
    plain = origin or annotation
    if plain in _SCALARS:
        return _parse_scalar(text, plain)
    if isinstance(plain, type):
        if issubclass(plain, enum.Enum):
            return _parse_enum(text, plain)
        if issubclass(plain, str):
            return plain(text)
        if _is_sequence(plain):
            return _parse_sequence(text, annotation)
        if issubclass(plain, collections.abc.Mapping):
            return _from_json(text, annotation)
    return _anything(text)


def _parse_scalar(text: str, plain: type) -> Any:
    try:
        return _SCALARS[plain](text)
    except (ValueError, KeyError) as error:
        raise ValueError(f"expected {describe(plain)}") from error


def _boolean(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(text)


_SCALARS: dict[Any, Any] = {
    int: int,
    float: float,
    bool: _boolean,
    bytes: str.encode,
    Path: Path,
    datetime.datetime: datetime.datetime.fromisoformat,
    datetime.date: datetime.date.fromisoformat,
    datetime.time: datetime.time.fromisoformat,
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
    names = ", ".join(member.name for member in plain)
    raise ValueError(f"expected one of {names}")


def _is_sequence(plain: type) -> bool:
    return issubclass(plain, list | tuple | set | frozenset) or plain in (
        collections.abc.Sequence,
        collections.abc.Iterable,
        collections.abc.Collection,
    )


def _parse_sequence(text: str, annotation: Any) -> Any:
    origin, arguments = get_origin(annotation) or annotation, get_args(annotation)
    item = arguments[0] if arguments else Any
    if text.lstrip().startswith("["):
        values = _from_json(text, annotation)
    else:
        values = [parse(part.strip(), item) for part in text.split(",")] if text else []
    return origin(values) if origin in (tuple, set, frozenset) else values


def _from_json(text: str, annotation: Any) -> Any:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(f"expected {describe(annotation)} as JSON: {error}") from error
    if isinstance(value, list):
        item = (get_args(annotation) or (Any,))[0]
        fine = all(fits(one, item) for one in value)
    else:
        fine = fits(value, annotation)
    if not fine:
        raise ValueError(f"expected {describe(annotation)}")
    return value


def _anything(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def describe(annotation: Any) -> str:
    """The annotation in words, for an error message.

    >>> describe(int), describe(list[str]), describe(int | None), describe(Literal["a", "b"])
    ('an integer', 'list[str]', 'an integer or None', "'a' or 'b'")
    """
    words = {int: "an integer", float: "a number", bool: "true or false", str: "a string"}
    words |= {Path: "a path", types.NoneType: "None", datetime.datetime: "an ISO date and time"}
    words |= {datetime.date: "an ISO date", datetime.time: "an ISO time"}
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
        return f"a {annotation.__name__}"
    return str(annotation).replace("typing.", "").replace("collections.abc.", "")
