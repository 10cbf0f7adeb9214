"""An option that flowenv doesn't have may be a parameter of the flow."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from pathlib import Path

_WITH_FLOWS = ("run", "spec", "explain")


def meant_parameter(option: str, arguments: Sequence[str], known: Iterable[str] = ()) -> str:
    """A sentence that says how the parameter is given; empty if it can't be meant.

    An option that is near to one that there is, and no parameter of the flow, is that one.

    The file is only read: a line that is wrong runs nothing.

    Args:
        option: the unknown option, such as `--window`.
        arguments: of the command line.
        known: the options that there are.

    >>> meant_parameter("--parm", ["run", "flow.py", "--parm", "x=1"], ["--param", "--env"])
    '. Did you mean --param?'
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
    if near := _near(option, known):
        return f". Did you mean {near}?"
    return f". A parameter of the flow is given with -p: {given}"


def _near(option: str, known: Iterable[str]) -> str:
    """The option that was most likely meant; the dashes, which all have, don't count."""
    import difflib

    names = [one.removeprefix("--") for one in known if one.startswith("--")]
    found = difflib.get_close_matches(option.removeprefix("--"), names, n=1, cutoff=0.7)
    return f"--{found[0]}" if found else ""


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
