"""Does a module fit the hooks: what it implements, and what is wrong with it, in words."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from inspect import Parameter
from types import ModuleType
from typing import Any

import pluggy

from flowenv.errors import PluginError
from flowenv.hooks import specs as hookspecs
from flowenv.hooks.ignored import hook_names
from flowenv.settings.declaration import nearest

CONTRIBUTED = (
    "flowenv_environment_variables",
    "flowenv_modify_spec",
    "flowenv_setup",
    "flowenv_get_secret",
    "flowenv_plugin_settings",
    "flowenv_state_changed",
    "flowenv_check",
)
"""Hooks that each plugin adds to, called one by one; all others are implemented by a backend."""

NO_HOOKS = "has no hooks. Is @hookimpl missing above a function?"

_NEVER_GIVEN: dict[object, str] = {
    Parameter.VAR_POSITIONAL: "*",
    Parameter.VAR_KEYWORD: "**",
    Parameter.KEYWORD_ONLY: "",
}


def implementations(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    """What a module implements: each hook's name, also one given by `specname`, and function."""
    for name, value in vars(module).items():
        if inspect.isroutine(value) and (mark := getattr(value, "flowenv_impl", None)):
            yield mark.get("specname") or name, value


def without_hooks(module: ModuleType, title: str) -> str:
    """What to say of a plugin that implements nothing; empty if it implements something."""
    if any(implementations(module)):
        return ""
    return f"The {title} {NO_HOOKS}"


def check_arguments(module: ModuleType, name: str) -> None:
    """Check that every argument of a module's hooks gets its value.

    Hooks are called with what an implementation asks for by name. What has a default isn't
    asked for, so it would quietly never get the value.

    Raises:
        PluginError: naming the module, the hook and the argument.
    """
    for hook, function in implementations(module):
        for parameter in inspect.signature(function).parameters.values():
            stars = _NEVER_GIVEN.get(parameter.kind)
            if stars is None and parameter.default is Parameter.empty:
                continue
            written = f"{stars or ''}{parameter.name}"
            known = ", ".join(_arguments(hook)) or "none"
            raise PluginError(
                f"{name}: the argument {written!r} of {hook} never gets a value.",
                hint=f"Name it without a default or stars; the hook's arguments: {known}.",
            )


def check_no_wrappers(manager: pluggy.PluginManager, module: ModuleType) -> None:
    """Check that a module wraps no hook whose implementations are called one by one.

    Raises:
        PluginValidationError: naming the hook.
    """
    for hook in CONTRIBUTED:
        for found in getattr(manager.hook, hook).get_hookimpls():
            if found.plugin is module and (found.wrapper or found.hookwrapper):
                raise pluggy.PluginValidationError(
                    module, f"{hook} can't be wrapped. Leave out wrapper=True."
                )


def check_replaces_nothing(module: ModuleType, name: str) -> None:
    """Check that a plugin implements no hook that a backend does; it may wrap it.

    A plugin is asked before the backend, so it would run every backend's flows its own way.

    Raises:
        PluginError: naming the hook.
    """
    for hook, function in implementations(module):
        mark = getattr(function, "flowenv_impl", {})
        if hook not in CONTRIBUTED and not (mark["wrapper"] or mark["hookwrapper"]):
            raise PluginError(
                f"{name} implements {hook}, which is for backends: it would replace what each "
                "backend does.",
                hint="Wrap it with @hookimpl(wrapper=True), or make a backend: an entry point in "
                "flowenv.backends.",
            )


def explain_misfit(error: pluggy.PluginValidationError, module: ModuleType) -> str:
    """What is wrong with a module that pluggy refused, with the nearest right name."""
    hooks = hook_names()
    for hook, function in implementations(module):
        if hook not in hooks:
            return f"there is no hook {hook}. {nearest(hook, hooks)}"
        known = _arguments(hook)
        for argument in inspect.signature(function).parameters:
            if argument not in known:
                return f"{hook} has no argument {argument!r}. {nearest(argument, known)}"
    return " ".join(str(error).split())


def _arguments(hook: str) -> list[str]:
    spec = getattr(hookspecs, hook, None)
    return list(inspect.signature(spec).parameters) if spec else []
