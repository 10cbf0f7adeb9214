"""From what a user names (`file.py`, `file.py:flow`, `package.module:flow`) to the flow."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from flowenv.contract.shipped_files import module_name
from flowenv.errors import FlowNotFound
from flowenv.flows.definition import Flow
from flowenv.settings.declaration import closest, nearest


def find_flow(target: str) -> Flow[..., Any]:
    """Load the flow that a target names.

    Args:
        target: `file.py`, `file.py:name` or `package.module:name`. The name is a flow, or
            any callable; a file or module with exactly one flow needs none.

    Raises:
        FlowNotFound: if there is no such file, module, or flow, or several and no name.
    """
    place, _, name = target.rpartition(":") if ":" in target else (target, "", "")
    if "/" in place and (file := _file_meant(place)):
        raise FlowNotFound(f"There is no {place}.", hint=_did_you_mean(file, name))
    if place.endswith(".py") or "/" in place:
        _check_python(Path(place))
        module = load_file(Path(place))
        found = flow_in(module, name, target)
        if found.code is None and found.module == module.__name__:
            found.code = "source"
        return found
    if Path(place).is_file():
        _check_python(Path(place))
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", place):
        raise FlowNotFound(
            f"{target!r} is no target.", hint="Give file.py, file.py:flow or package.module:flow."
        )
    found = flow_in(_import(place, target), name, target)
    if found.code is None:
        found.code = "module"
    return found


def _file_meant(place: str) -> str:
    """The Python file that a place most likely means, if it leaves out how files are named."""
    if place.endswith(".py") or Path(place).exists() or not place:
        return ""
    candidates = (place, place.replace(".", "/"), place.replace("_", "-"), f"src/{place}")
    found = (Path(f"{one}.py") for one in candidates)
    return next((file.as_posix() for file in found if file.is_file()), "")


def _did_you_mean(file: str, name: str) -> str:
    return f"Did you mean {file}{f':{name}' if name else ''}?"


def _check_python(path: Path) -> None:
    if path.is_dir():
        raise FlowNotFound(f"{path} is a folder.", hint=f"Name a file in it: {path}/file.py.")
    if path.is_file() and path.suffix != ".py":
        raise FlowNotFound(
            f"{path} is no Python file.", hint="Give file.py, file.py:flow or package.module:flow."
        )


def import_module(name: str) -> ModuleType:
    """Import a module that is installed, or else lies in the working directory.

    What is installed comes first: no file that lies about takes the place of a module that
    flowenv or the flow imports.
    """
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    return importlib.import_module(name)


def _import(place: str, target: str) -> ModuleType:
    try:
        return import_module(place)
    except ModuleNotFoundError as error:
        if error.name and (place == error.name or place.startswith(error.name + ".")):
            name = target.partition(":")[2]
            hint = f"Is it installed? For a file, give {place}.py."
            if file := _file_meant(place):
                hint = _did_you_mean(file, name)
            raise FlowNotFound(f"There is no module {place!r} ({target}).", hint=hint) from None
        raise


def load_file(path: Path) -> ModuleType:
    """Import a Python file as a module named after it, with its folder on `sys.path`.

    Workers that get the file too can import the module under the same name.

    Raises:
        FlowNotFound: if there is no such file, or its name is that of another module.
    """
    path = path.resolve()
    if not path.is_file():
        there = [one.name for one in path.parent.glob("*.py")]
        meant = closest(path.name, there)
        hint = f"Did you mean {meant!r}?" if meant else ""
        raise FlowNotFound(f"There is no file {path.name!r} in {path.parent}.", hint=hint)
    name = module_name(path)
    loaded = sys.modules.get(name)
    if loaded is not None and _file_of(loaded) == path:
        return loaded
    if hidden := _would_hide(name, path):
        raise FlowNotFound(
            f"{path.name} would hide the module {name!r} {hidden}.", hint="Rename the file."
        )
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    module = import_file(name, path)
    vars(module)[_LOADED] = True
    return module


def import_file(name: str, path: Path) -> ModuleType:
    """Run a file as a new module of that name, of which nothing is left if it raises."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles look their module up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


_LOADED = "__flowenv_file__"
"""Marks the modules that `load_file` made: another file of the same name may replace them."""


def _would_hide(name: str, path: Path) -> str:
    """Which module a file of that name would take the place of; empty if none."""
    if name in sys.stdlib_module_names:
        return "of Python itself"
    if (loaded := sys.modules.get(name)) is not None:
        return "" if _LOADED in vars(loaded) else f"that is loaded from {_file_of(loaded)}"
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return ""
    if spec is None or not spec.origin or Path(spec.origin).resolve() == path:
        return ""
    installed = {"site-packages", "dist-packages"} & set(Path(spec.origin).parts)
    return f"installed in {Path(spec.origin).parent}" if installed else ""


def _file_of(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if file else None


def flow_in(module: ModuleType, name: str, target: str) -> Flow[..., Any]:
    """The flow of that name in a module, or the only one if no name is given.

    Raises:
        FlowNotFound: if there is none, or there are several and no name was given.
    """
    flows = {n: v for n, v in vars(module).items() if isinstance(v, Flow)}
    if name:
        found: Any = module
        for part in name.split("."):
            found = getattr(found, part, None)
        if isinstance(found, Flow):
            return found
        if callable(found):
            return Flow(found, module=module.__name__)
        named = [f for f in flows.values() if f.name == name]
        if named:
            return named[0]
        raise FlowNotFound(f"{target}: there is no flow {name!r}.", hint=nearest(name, flows))
    own = {n: f for n, f in flows.items() if f.module == module.__name__} or flows
    distinct = {id(f): n for n, f in own.items()}
    if len(distinct) == 1:
        return own[next(iter(distinct.values()))]
    if not distinct:
        raise FlowNotFound(
            f"{target} has no flow.",
            hint=f"Decorate a function with @flow, or name one: {target}:name",
        )
    raise FlowNotFound(
        f"{target} has {len(distinct)} flows: {', '.join(distinct.values())}.",
        hint=f"Name one: {target}:{next(iter(distinct.values()))}",
    )
