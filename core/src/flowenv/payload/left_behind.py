"""Modules beside a flow's file that it imports, and that don't travel with it."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path


@functools.cache  # once is enough, however many runs are submitted
def warn_of_left_behind(flow: str, folder: Path, shipped: tuple[str, ...]) -> None:
    """Warn of what a flow imports from its own folder and doesn't ship.

    It isn't an error: the image may have it.

    Args:
        flow: the flow's name.
        folder: where its file is.
        shipped: the names of the files that travel, its own among them.
    """
    if left := left_behind(folder, shipped):
        import logging  # most have nothing to warn of, and `flowenv spec` starts quickly

        names = ", ".join(left)
        files = ", ".join(f'"{name}"' for name in left)
        logging.getLogger("flowenv").warning(
            "The flow %s imports %s from its folder, which stays here. Unless the image has it, "
            "name it in @flow(files=[%s]).",
            flow,
            names,
            files,
        )


def left_behind(folder: Path, shipped: tuple[str, ...]) -> list[str]:
    """The modules, and folders of packages, that are imported and aren't shipped.

    Args:
        folder: where the flow's file is.
        shipped: the names of the files that travel.
    """
    found: dict[str, None] = {}
    for name in shipped:
        if name.endswith(".py") and (path := folder / name).is_file():
            found.update(dict.fromkeys(_imported(path)))
    return [
        place
        for module in found
        if module not in sys.stdlib_module_names
        for place in (f"{module}.py", f"{module}/")
        if _is_there(folder, place) and not any(one.startswith(place) for one in shipped)
    ]


def _is_there(folder: Path, place: str) -> bool:
    path = folder / place
    if place.endswith("/"):
        return (path / "__init__.py").is_file()
    return path.is_file()


def _imported(path: Path) -> Iterator[str]:
    """The top-level names of the modules that a file imports anywhere, by their full names."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name.partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
