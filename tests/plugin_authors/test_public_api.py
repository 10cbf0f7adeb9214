"""What a third party's plugin needs of flowenv is public: see docs/plugins/compatibility.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import flowenv

ROOT = Path(__file__).parents[2]
POLICY = (ROOT / "docs" / "plugins" / "compatibility.md").read_text("utf-8")
MODULES = set(re.findall(r"`(flowenv\.[a-z_]+)`", POLICY)) - {"flowenv.__all__"}
TUTORIAL = (ROOT / "docs" / "plugins" / "backend.md").read_text("utf-8")

SOURCES = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for pattern in ("examples/plugin-subprocess/**/*.py", "plugins/_template/**/*.py")
    for path in sorted(ROOT.glob(pattern))
}
SOURCES |= dict(re.findall(r'```python title="([^"]+)"\n(.*?)```', TUTORIAL, re.DOTALL))


def imports(source: str) -> Iterator[tuple[str, str]]:
    """What is imported from flowenv: module and name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "flowenv":
            yield from ((node.module or "", alias.name) for alias in node.names)


@pytest.mark.parametrize("place", SOURCES)
def test_a_third_party_needs_only_what_is_public(place: str) -> None:
    private = [
        f"{module}.{name}"
        for module, name in imports(SOURCES[place])
        if name.startswith("_")
        or (module == "flowenv" and name not in flowenv.__all__)
        or (module != "flowenv" and module not in MODULES)
    ]
    assert private == []


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
