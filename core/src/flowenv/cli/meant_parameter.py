"""An option that flowenv doesn't have may be a parameter of the flow."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

_WITH_FLOWS = ("run", "spec", "explain")


def meant_parameter(option: str, arguments: Sequence[str]) -> str:
    """A sentence that says how the parameter is given; empty if it can't be meant.

    The file is only read: a line that is wrong runs nothing.

    Args:
        option: the unknown option, such as `--window`.
        arguments: of the command line.

    >>> meant_parameter("--window", ["run", "flow.py", "--window=14"])
    '. A parameter of the flow is given with -p: -p window=14'
    """
    if not arguments or arguments[0] not in _WITH_FLOWS or not option.startswith("--"):
        return ""
    name = option.removeprefix("--").replace("-", "_")
    flows = [flow for one in arguments[1:] for flow in _flows_with(one, name)]
    given = f"-p {name}={_value(option, arguments)}"
    if flows:
        return f". It is a parameter of {flows[0]}: {given}"
    return f". A parameter of the flow is given with -p: {given}"


def _value(option: str, arguments: Sequence[str]) -> str:
    for index, one in enumerate(arguments):
        if one.startswith(f"{option}="):
            return one.partition("=")[2]
        following = arguments[index + 1 : index + 2]
        if one == option and following and not following[0].startswith("-"):
            return following[0]
    return "…"


def _flows_with(target: str, name: str) -> list[str]:
    """The functions in a file that have a parameter of that name."""
    file, _, wanted = target.partition(":")
    if not file.endswith(".py"):
        return []
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return []
    functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return [
        function.name
        for function in functions
        if (not wanted or function.name == wanted)
        and name in {one.arg for one in (*function.args.args, *function.args.kwonlyargs)}
    ]
