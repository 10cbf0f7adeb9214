"""Python files with flows, written for one test."""

from __future__ import annotations

import textwrap
from pathlib import Path


def write(path: Path, text: str) -> Path:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


GREET = """
    from flowenv import flow

    @flow
    def greet(name="you"):
        return f"Hello, {name}!"
"""

TWO = """
    from flowenv import flow

    @flow
    def first(): return 1

    @flow
    def second(): return 2
"""
