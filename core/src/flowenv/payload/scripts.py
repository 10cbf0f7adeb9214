"""A script that submits its own flow: its file is imported where the flow runs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from flowenv.errors import PayloadError

_GUARD = 'if __name__ == "__main__":'


def check_script(flow: str, path: Path, attribute: str) -> None:
    """Check that the import of a script's file gives the flow, and doesn't submit it again.

    Args:
        flow: the flow's name.
        path: the script, which is what Python runs in this process.
        attribute: the flow's name in it.

    Raises:
        PayloadError: if it wouldn't.
    """
    try:
        body = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return
    guards = [one for one in body if isinstance(one, ast.If) and _is_guard(one.test)]
    others = [one for one in body if one not in guards]
    name = attribute.partition(".")[0]
    if name in _bound(guards) and name not in _bound(others):
        raise PayloadError(
            f"The flow {flow} is defined below `{_GUARD}`, and its file is imported where it "
            "runs: it isn't there then.",
            hint="Define it above, or use code='pickle'.",
        )
    line = _line_that_runs(path)
    if any(one.lineno <= line <= (one.end_lineno or 0) for one in others if _runs(one)):
        raise PayloadError(
            f"{path.name}:{line}: the flow {flow} would be submitted again where it runs, as its "
            "file is imported there.",
            hint=f"Put the lines that run it below `{_GUARD}`.",
        )


def _is_guard(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and {"__name__", "'__main__'"} == {
        ast.unparse(one) for one in (test.left, *test.comparators)
    }


def _bound(statements: Sequence[ast.stmt]) -> set[str]:
    """The names that statements give a value to, at whatever depth."""
    return set(_names(statements))


def _names(statements: Sequence[ast.stmt]) -> Iterator[str]:
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield node.name
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
            elif isinstance(node, ast.alias):
                yield (node.asname or node.name).partition(".")[0]


def _runs(statement: ast.stmt) -> bool:
    """True for a statement that is run by every import; what hangs on a condition may not be."""
    return isinstance(
        statement, ast.Expr | ast.Assign | ast.AnnAssign | ast.With | ast.For | ast.Try
    )


def _line_that_runs(path: Path) -> int:
    """The line at the top of the script that is being run; 0 if none is."""
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
    outermost = frame.f_code
    is_script = outermost.co_name == "<module>" and Path(outermost.co_filename).resolve() == path
    return frame.f_lineno if is_script else 0
