"""What a third party's plugin needs of flowenv is public: see docs/plugins/compatibility.md."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
POLICY = (ROOT / "docs" / "plugins" / "compatibility.md").read_text("utf-8")
DOORS = {"flowenv", *re.findall(r"`(flowenv\.[a-z_]+)`", POLICY)} - {"flowenv.__all__"}
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
OURS = ["plugins/[!_]*/src/**/*.py"]
OTHERS = ["examples/**/*.py", "plugins/_template/**/*.py", "core/src/flowenv/_template/**/*.py"]


def examples(page: Path) -> Iterator[tuple[str, str]]:
    """The Python of a page: each example's place and source."""
    text = page.read_text("utf-8")
    for number, block in enumerate(re.findall(r"```python[^\n]*\n(.*?)```", text, re.DOTALL), 1):
        lines = block.splitlines()
        if any(line.startswith(">>> ") for line in lines):
            lines = [line[4:] for line in lines if line.startswith((">>> ", "... "))]
        yield f"{page.relative_to(ROOT)}, example {number}", "\n".join(lines)


SOURCES = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for pattern in (*OURS, *OTHERS)
    for path in sorted(ROOT.glob(pattern))
}
SOURCES |= {place: source for page in PAGES for place, source in examples(page)}


def imports(source: str) -> Iterator[tuple[str, str]]:
    """What is imported from flowenv and flowenv_k8s: module and name."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ImportFrom(module=str(module)) if is_of(module, "flowenv", "flowenv_k8s"):
                yield from ((module, alias.name) for alias in node.names)
            case ast.Import():
                yield from ((one.name, "") for one in node.names if is_of(one.name, "flowenv"))


def is_of(module: str, *packages: str) -> bool:
    return module.partition(".")[0] in packages


def is_public(module: str, name: str) -> bool:
    """Whether a name comes in by a door."""
    if module not in {*DOORS, "flowenv_k8s", "flowenv_k8s.plugin"}:
        return False
    return not name or name in importlib.import_module(module).__all__


@pytest.mark.parametrize("place", SOURCES)
def test_who_uses_flowenv_comes_in_by_its_doors(place: str) -> None:
    own = place.startswith("plugins/k8s/")  # whose own modules are no door's matter
    found = [one for one in imports(SOURCES[place]) if not (own and is_of(one[0], "flowenv_k8s"))]

    assert [one for one in found if not is_public(*one)] == []


@pytest.mark.parametrize("door", ["flowenv.plugin", "flowenv_k8s.plugin"])
def test_a_door_for_authors_has_only_what_somebody_needs(door: str) -> None:
    used = {
        name for source in SOURCES.values() for module, name in imports(source) if module == door
    }

    # who writes a plugin in a file takes it from `flowenv`
    assert set(importlib.import_module(door).__all__) - used <= {"hookimpl"}


def test_the_example_of_a_backend_stays_small() -> None:
    sources = [text for place, text in SOURCES.items() if "plugin-subprocess/src" in place]
    assert sum(lines_of_code(text) for text in sources) < 200


def lines_of_code(source: str) -> int:
    """Lines that are no blanks, comments or docstrings."""
    tree = ast.parse(source)
    documentation = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node)
        for line in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    code = {
        number
        for number, line in enumerate(source.splitlines(), 1)
        if line.strip() and not line.strip().startswith("#")
    }
    return len(code - documentation)
