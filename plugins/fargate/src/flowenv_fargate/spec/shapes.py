"""Checks requests against ECS's shapes, before any call.

botocore would check them too, but its messages show values, which may be secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from flowenv.errors import SpecError
from flowenv.plugin import Secret, nearest

REGISTER, RUN = "RegisterTaskDefinition", "RunTask"


class Shape(Protocol):
    """What this package uses of botocore's shapes."""

    type_name: str
    members: Mapping[str, Shape]
    member: Shape
    value: Shape
    required_members: list[str]


ParametersOf = Callable[[str], Shape]
"""From an operation's name in the API to the shape of its parameters."""

_NUMBERS: Mapping[str, tuple[type, ...]] = {
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
}
_WORDS = {
    "string": "a string",
    "boolean": "true or false",
    "list": "a list",
    "map": "a mapping",
    "structure": "a mapping",
    "integer": "an integer",
    "long": "an integer",
    "float": "a number",
    "double": "a number",
}


def check_request(operation: str, parameters: Mapping[str, Any], shape: Shape) -> None:
    """Check an operation's parameters as the service's own model describes them.

    Args:
        operation: its name in the API, such as `RunTask`.
        parameters: what would be sent; a Secret may stand for a string.
        shape: of the operation's parameters.

    Raises:
        SpecError: naming every place that is wrong, without the values there.
    """
    problems = list(_problems(parameters, shape, "", shape))
    if problems:
        shown = " ".join(problems[:5])
        more = f" And {len(problems) - 5} more." if len(problems) > 5 else ""
        raise SpecError(f"ECS's {operation} can't take this: {shown}{more}")


def argument_problems(name: str, value: Any, shape: Shape) -> list[str]:
    """What is wrong with one argument of an operation; nothing is said of what is left out.

    Args:
        name: of the argument, which the operation takes.
        value: what was given.
        shape: of the operation's parameters.
    """
    return list(_problems(value, shape.members[name], name, shape, complete=False))


def where_to(name: str, known: Iterable[str], *shapes: Shape) -> str:
    """A sentence on a name that isn't known where it stands: where it belongs, or what is alike.

    Args:
        name: the name.
        known: the names that could stand there.
        shapes: of the operations' parameters, in which to look for the name.
    """
    for shape in shapes:
        here = [("", shape)]
        for _ in range(6):
            inner: list[tuple[str, Shape]] = []
            for place, one in here:
                if place and name in one.members:
                    return f"It belongs to {place}."
                inner += _inner(place, one)
            here = inner
    return nearest(name, known)


def _inner(place: str, shape: Shape) -> Iterator[tuple[str, Shape]]:
    dot = f"{place}." if place else ""
    for name, one in shape.members.items():
        if one.type_name == "structure":
            yield f"{dot}{name}", one
        elif one.type_name == "list" and one.member.type_name == "structure":
            yield f"{dot}{name}[0]", one.member


def _problems(
    value: Any, shape: Shape, where: str, root: Shape, *, complete: bool = True
) -> Iterator[str]:
    kind = shape.type_name
    if kind == "structure":
        yield from _structure(value, shape, where, root, complete)
    elif kind == "list" and isinstance(value, list | tuple):
        for index, one in enumerate(value):
            place = f"{where}[{_label(one, index)}]"
            yield from _problems(one, shape.member, place, root, complete=complete)
    elif kind == "map" and isinstance(value, Mapping):
        for key, one in value.items():
            place = f"{where}[{key!r}]"
            yield from _problems(one, shape.value, place, root, complete=complete)
    elif not _fits(value, kind):
        yield _wrong_type(value, kind, where) + _as_list(value, shape)
    elif isinstance(value, str) and (known := getattr(shape, "enum", None)) and value not in known:
        yield f"{where} can't be {value!r}. {nearest(value, known)}"


def _structure(value: Any, shape: Shape, where: str, root: Shape, complete: bool) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield _wrong_type(value, "structure", where)
        return
    dot = f"{where}." if where else ""
    for name in shape.required_members:
        if complete and name not in value:
            yield f"{dot}{name} is missing."
    for name, one in value.items():
        if name in shape.members:
            yield from _problems(one, shape.members[name], f"{dot}{name}", root, complete=complete)
        elif where and name in root.members:
            yield f"{dot}{name} is unknown. It stands beside {_top(where)}, not in it."
        else:
            yield f"{dot}{name} is unknown. {where_to(name, set(shape.members), root)}"


def _as_list(value: Any, shape: Shape) -> str:
    """How a list of pairs is written where a mapping was given."""
    if shape.type_name != "list" or not isinstance(value, Mapping):
        return ""
    members = getattr(shape.member, "members", {})
    key = next((name for name in ("name", "key") if {name, "value"} <= set(members)), "")
    if not key or set(value) & set(members):
        return ""
    return f" Write [{{{key!r}: …, 'value': …}}]."


def _top(where: str) -> str:
    return where.partition("[")[0].partition(".")[0]


def _label(value: Any, index: int) -> str:
    """How a list's item is named in a message: by its `name` where it has one."""
    name = value.get("name") if isinstance(value, Mapping) else None
    return name if isinstance(name, str) and name else str(index)


def _fits(value: Any, kind: str) -> bool:
    if kind == "string":
        return isinstance(value, str | Secret)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in _NUMBERS:
        return isinstance(value, _NUMBERS[kind]) and not isinstance(value, bool)
    return kind not in _WORDS


def _wrong_type(value: Any, kind: str, where: str) -> str:
    return f"{where} must be {_WORDS.get(kind, kind)}, not {type(value).__name__}."
