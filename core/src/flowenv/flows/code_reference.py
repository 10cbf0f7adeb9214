"""How a flow's code is referred to in a payload: by module, as source, or as a pickle."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from flowenv.contract.shipped_files import module_name
from flowenv.errors import PayloadError
from flowenv.flows.definition import Code, Flow
from flowenv.flows.further_files import names_of_files


@dataclass(frozen=True)
class CodeReference:
    """Where a flow's code is, and how it reaches a container.

    Args:
        code: `module`, `source` or `pickle`.
        module: the name of its module here; empty if there is none.
        attribute: the flow's name in the module; empty if it isn't found there.
        path: the module's file, if it is Python source.
    """

    code: Code
    module: str = ""
    attribute: str = ""
    path: Path | None = None

    @property
    def import_name(self) -> str:
        """The name under which a container imports the module; empty if it can't."""
        if self.code == "source" and self.path:
            return module_name(self.path)
        if self.code == "module":
            return _package_name(sys.modules[self.module]) or self.module
        return ""

    def check(self, flow: Flow[..., Any]) -> None:
        """Check that the flow can be sent as it asks to be.

        Raises:
            PayloadError: if it can't; the message says why.
        """
        if self.code == "source" and not (self.path and self.attribute):
            what = "it isn't at the top of its module" if self.path else "its file isn't known"
            raise PayloadError(
                f"The flow {flow.name} can't be shipped as source: {what}.",
                hint="Define it at the top of a .py file, or use code='pickle'.",
            )
        if self.code == "module" and (not self.attribute or self.import_name == "__main__"):
            raise PayloadError(
                f"The flow {flow.name} can't be imported by name from a module.",
                hint="Define it at the top of an importable module, or use code='pickle'.",
            )


def refer_to(flow: Flow[..., Any]) -> CodeReference:
    """Find a flow's code, and how it is sent when the flow itself doesn't say.

    What is installed, or lies in a package, goes by its module's name: an image has it. A
    script, or a lone module beside one, is shipped as source. What has no name of its own in
    any module is pickled.
    """
    for module in _modules_of(flow):
        if attribute := _attribute(flow, module):
            path = _source_of(module)
            return CodeReference(
                flow.code or _default_code(module, path), module.__name__, attribute, path
            )
    module_here = next(_modules_of(flow), None)
    if module_here is None:
        return CodeReference(flow.code or "pickle")
    return CodeReference(flow.code or "pickle", module_here.__name__, path=_source_of(module_here))


def own_files(flow: Flow[..., Any]) -> tuple[Path, ...]:
    """The files that a flow shipped as source brings along; its own comes last.

    Workers of another machine can only import the flow's functions when they get these. A
    flow from an installed module has none: it is installed there, as it is here.
    """
    reference = refer_to(flow)
    if reference.code != "source" or not reference.path or reference.module == "__main__":
        return ()  # what `__main__` defines is pickled by value
    folder = reference.path.parent
    names = names_of_files(flow.files, folder, flow.name)
    return (*(folder / n for n in names if n != reference.path.name), reference.path)


def modules_to_pickle(flow: Flow[..., Any], reference: CodeReference) -> frozenset[str]:
    """The modules that a container won't have, so that what they define is pickled whole."""
    if reference.code != "pickle":
        return frozenset()
    found = ((module, _source_of(module)) for module in _modules_of(flow))
    return frozenset(m.__name__ for m, path in found if not path or not _is_installed(path))


def _modules_of(flow: Flow[..., Any]) -> Iterator[ModuleType]:
    """The modules that may hold the flow: where it was made, where its function was."""
    names = (flow.module, getattr(flow.function, "__module__", None) or "")
    for name in dict.fromkeys(names):
        if (module := sys.modules.get(name)) is not None:
            yield module


def _attribute(flow: Flow[..., Any], module: ModuleType) -> str:
    """The name by which the flow, or its function, is found in a module."""
    named = getattr(flow.function, "__qualname__", "")
    found: Any = module
    for part in named.split("."):
        found = getattr(found, part, None)
    if found is not None and (found is flow or found is flow.function):
        return named
    if isinstance(found, Flow) and found.function is flow.function:
        return named
    return next((n for n, v in vars(module).items() if v is flow or v is flow.function), "")


def _default_code(module: ModuleType, path: Path | None) -> Code:
    if module.__name__ == "__main__" and path is None:
        return "pickle"  # typed in, or in a notebook
    if path is None or _package_name(module) or _is_installed(path):
        return "module"
    return "source"


def _package_name(module: ModuleType) -> str:
    """The full name of a module of a package, also of `python -m package.module`."""
    spec = getattr(module, "__spec__", None)
    name = spec.name if spec else module.__name__
    in_package = "." in name or hasattr(module, "__path__")
    return str(name) if in_package else ""


def _source_of(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    if not file or not file.endswith(".py") or not Path(file).is_file():
        return None
    return Path(file).resolve()


@functools.cache
def _standard_library() -> Path:
    return Path(os.__file__).resolve().parent


def _is_installed(path: Path) -> bool:
    """True for a file that an installation put where it is, not a user."""
    if {"site-packages", "dist-packages"} & set(path.parts):
        return True
    return path.is_relative_to(_standard_library())
