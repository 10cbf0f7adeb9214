"""What of a module nobody would ever call, though it looks like a hook: an error, in words."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

from flowenv.errors import PluginError
from flowenv.hooks import specs as hookspecs
from flowenv.settings.declaration import nearest

PREFIX = "flowenv_"
_NO_HOOKS = ("flowenv_api_version",)
"""What else of a module has such a name."""

_MAY_YIELD = ("flowenv_find_runs", "flowenv_sweep", "flowenv_check")
"""Hooks that give many things, and so may be generators."""


def check_ignores_nothing(module: ModuleType, name: str) -> None:
    """Check that everything of a module that looks like a hook is called as one.

    Args:
        module: the module with the hooks.
        name: how messages name it.

    Raises:
        PluginError: if a function of a hook's name has no mark, a name is no hook's, a hook
            is a coroutine or a generator, or one is defined twice, so that the first is lost.
    """
    for attribute, value in list(vars(module).items()):
        mark = getattr(value, "flowenv_impl", None) if inspect.isroutine(value) else None
        if mark:
            _check_function(value, mark, mark.get("specname") or attribute, name)
        elif attribute.startswith(PREFIX) and attribute not in _NO_HOOKS:
            _refuse_unmarked(attribute, value, name)
    _check_defined_once(module, name)


def hook_names() -> list[str]:
    """The names of all hooks."""
    return [name for name in vars(hookspecs) if name.startswith(PREFIX)]


def _refuse_unmarked(attribute: str, value: object, name: str) -> None:
    if inspect.ismodule(value) or inspect.isclass(value):  # a package: flowenv_acme
        return
    if attribute in hook_names():
        raise PluginError(
            f"{name}: {attribute} isn't marked as a hook, so it would never be called.",
            hint="Write @hookimpl above it, or let its name begin with an underscore.",
        )
    raise PluginError(
        f"{name}: there is no hook {attribute}.",
        hint=f"{nearest(attribute, [*hook_names(), *_NO_HOOKS])} A name of your own doesn't begin "
        f"with {PREFIX}.",
    )


def _check_function(
    function: Callable[..., Any], mark: dict[str, Any], hook: str, name: str
) -> None:
    function = inspect.unwrap(function)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise PluginError(
            f"{name}: {hook} is an async function, which nobody would await.",
            hint="Write def instead of async def; asyncio.run(…) runs what is asynchronous.",
        )
    wraps = mark["wrapper"] or mark["hookwrapper"]
    if inspect.isgeneratorfunction(function) and not wraps and hook not in _MAY_YIELD:
        raise PluginError(
            f"{name}: {hook} has a yield, so nothing of it would ever run.",
            hint="Return what it gives; around other implementations it is "
            "@hookimpl(wrapper=True).",
        )


def _check_defined_once(module: ModuleType, name: str) -> None:
    source = _source(module)
    found = re.findall(r"^(?:async )?def (flowenv_\w+)", source, re.MULTILINE)
    if len(set(found)) == len(found):
        return
    lines: dict[str, int] = {}
    for function, line in _functions(source):  # what stands in a string is none
        if function in lines:
            raise PluginError(
                f"{name} defines {function} twice, in lines {lines[function]} and {line}, so the "
                "first is lost.",
                hint=f'Give one another name, with @hookimpl(specname="{function}").',
            )
        lines[function] = line


def _functions(source: str) -> list[tuple[str, int]]:
    import ast  # only where it looks as if something were wrong

    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    body = ast.parse(source).body
    return [
        (one.name, one.lineno)
        for one in body
        if isinstance(one, functions) and one.name.startswith(PREFIX)
    ]


def _source(module: ModuleType) -> str:
    """A module's text; empty where there is none."""
    get_source = getattr(getattr(module, "__loader__", None), "get_source", None)
    try:
        return (get_source and get_source(module.__name__)) or ""
    except (ImportError, OSError, SyntaxError, UnicodeError):
        return ""
