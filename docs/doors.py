"""Writes docs/api.md's parts: each door's names, grouped as in its `__all__`."""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import re
from pathlib import Path
from types import ModuleType
from typing import Any


def door(name: str) -> str:
    """A door's names: for each group a table, and what mkdocstrings fills with the docstrings.

    Args:
        name: the module that is the door.
    """
    told = meanings(name)
    parts = []
    for title, names in groups(name).items():
        rows = [f"| `{one}` | {first_sentence(told[one])} |" for one in names]
        entries = [f"::: {name}.{one}" for one in names]
        heading = [f"### {title[:1].upper()}{title[1:]}\n"] if title else []
        parts += [*heading, "| Name | Meaning |\n| --- | --- |", *rows, "", *entries, ""]
    return "\n".join(parts).rstrip()


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
