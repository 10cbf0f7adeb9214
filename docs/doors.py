"""Writes docs/api.md's parts: each door's names, grouped as in its `__all__`."""

from __future__ import annotations

import ast
import enum
import functools
import importlib
import inspect
import itertools
import re
from pathlib import Path
from types import ModuleType
from typing import Any


def door(name: str, *, in_site: bool = False) -> str:
    """A door's names: for each group a table, and signatures, or in the site all docstrings.

    Args:
        name: the module that is the door.
        in_site: True for the lines that mkdocstrings fills.
    """
    told = meanings(name)
    parts = []
    for title, names in groups(name).items():
        rows = [f"| `{one}` | {first_sentence(told[one])} |" for one in names]
        module = importlib.import_module(name)
        if in_site:
            entries = [_in_site(module, name, one) for one in names]
        else:
            signatures = [text for one in names if (text := outline(getattr(module, one), one))]
            entries = ["```text", "\n\n".join(signatures), "```"] if signatures else []
        heading = [f"### {title[:1].upper()}{title[1:]}\n"] if title else []
        parts += [*heading, "| Name | Meaning |\n| --- | --- |", *rows, "", *entries, ""]
    return "\n".join(parts).rstrip()


def _in_site(module: ModuleType, name: str, one: str) -> str:
    """The lines that mkdocstrings fills with a name's docstrings."""
    value = getattr(module, one)
    has_more = inspect.isclass(value) and _hidden_bases(value)
    options = "\n    options:\n      inherited_members: true" if has_more else ""
    return f"::: {name}.{one}{options}"


def outline(value: Any, name: str) -> str:
    """How something is called: its signature, and of a class what its objects can do.

    Empty for what isn't called, such as a constant.
    """
    if inspect.isclass(value):
        # Python's versions show what a protocol or an enumeration is called with differently
        is_called = not (getattr(value, "_is_protocol", False) or issubclass(value, enum.Enum))
        lines = [f"class {name}{_signature(value) if is_called else ''}"]
        lines += [f"    {line}" for line in _members(value)]
        return "\n".join(lines)
    return f"{name}{_signature(value)}" if inspect.isroutine(value) else ""


def _members(kind: type) -> list[str]:
    """The public methods and properties of a class of flowenv's, not those of public classes."""
    if issubclass(kind, enum.Enum):
        return [f"{one.name} = {one.value!r}" for one in kind]
    found = []
    parts = [*_hidden_bases(kind), kind]
    for name, member in itertools.chain.from_iterable(vars(one).items() for one in parts):
        if name.startswith("_"):
            continue
        if isinstance(member, property | functools.cached_property):
            found.append(f".{name}")
        elif inspect.isroutine(member):
            found.append(f".{name}{_signature(getattr(kind, name), is_method=True)}")
    return found


def _hidden_bases(kind: type) -> list[type]:
    """The classes of flowenv's that a class is made of and that stand in no door themselves."""
    if kind.__module__.startswith("flowenv.testing"):
        return []  # the kit's page has its tests
    bases = reversed(kind.__mro__[1:])
    return [one for one in bases if one.__module__.startswith("flowenv.") and not _is_public(one)]


def _is_public(kind: type) -> bool:
    doors = map(importlib.import_module, ("flowenv", "flowenv.plugin", "flowenv.errors"))
    return any(getattr(door, kind.__name__, None) is kind for door in doors)


def _signature(value: Any, *, is_method: bool = False) -> str:
    """The parameters' names and defaults; types are in the site, where there is room."""
    try:
        parameters = list(inspect.signature(value).parameters.values())
    except (TypeError, ValueError):
        return "(…)"
    if is_method and parameters and parameters[0].name == "self":
        parameters = parameters[1:]
    plain = [one.replace(annotation=one.empty, default=_default(one)) for one in parameters]
    text = str(inspect.Signature(plain))
    return text if len(text) < 300 else "(…)"


def _default(parameter: inspect.Parameter) -> Any:
    """A default that is shown in the same way everywhere."""
    default = parameter.default
    if default is parameter.empty or isinstance(default, bool | int | float | str | tuple | None):
        return default
    return _Dots()


class _Dots:
    def __repr__(self) -> str:
        return "…"


def groups(name: str) -> dict[str, list[str]]:
    """A door's public names by the comment that stands above them in `__all__`."""
    module = importlib.import_module(name)
    _, _, listed = source_of(module).partition("__all__")
    waiting, title = list(public(module)), ""
    found: dict[str, list[str]] = {}
    for line in listed.splitlines():
        if comment := re.match(r"\s*# (.*)", line):
            title = comment[1]
        for one in re.findall(r'"(\w+)"', line):
            if one in waiting:
                waiting.remove(one)
                found.setdefault(title, []).append(one)
        if not waiting:
            break
    return found


def public(module: ModuleType) -> list[str]:
    """The names in a door's `__all__` that are not Python's own."""
    return [one for one in module.__all__ if not one.startswith("__")]


def meanings(name: str) -> dict[str, str]:
    """The docstring of each public name of a door; empty if it has none."""
    module = importlib.import_module(name)
    origins = {
        alias.asname or alias.name: node.module or ""
        for node in ast.walk(ast.parse(source_of(module)))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return {
        one: meaning(getattr(module, one), origins.get(one, name), one) for one in public(module)
    }


def meaning(value: Any, module: str, name: str) -> str:
    """A value's docstring; that of a constant is the text below it."""
    if inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
        return inspect.getdoc(value) or ""
    body = ast.parse(source_of(importlib.import_module(module))).body
    for statement, following in itertools.pairwise(body):
        match statement, following:
            case (
                ast.Assign(targets=[ast.Name(id=found)]) | ast.AnnAssign(target=ast.Name(id=found)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ) if found == name:
                return inspect.cleandoc(text)
    return ""


def source_of(module: ModuleType) -> str:
    """A module's source."""
    return Path(inspect.getsourcefile(module) or "").read_text("utf-8")


def first_sentence(docstring: str) -> str:
    """The first sentence, on one line."""
    told = " ".join(docstring.partition("\n\n")[0].split())
    found = re.match(r".*?[.](?=\s|$)", told)
    return (found[0] if found else told).replace("|", "¦")
