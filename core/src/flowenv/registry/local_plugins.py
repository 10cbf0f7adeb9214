"""Plugins without packaging: a module or a file that somebody has named."""

from __future__ import annotations

import os
import sys
import zlib
from pathlib import Path
from types import ModuleType

from flowenv.answers.checked import RAISED
from flowenv.contract.shipped_files import module_name
from flowenv.errors import PluginError
from flowenv.flows.finding import import_file, import_module
from flowenv.hooks.backend_hooks import LoadedPlugin, try_out
from flowenv.hooks.checks import without_hooks
from flowenv.hooks.plugin_log import plugin_log


def load_local(name: str) -> LoadedPlugin:
    """Import a local plugin and check it; one without any hook is told of in the log.

    Args:
        name: a module's name, or a file.

    Raises:
        PluginError: if it can't be imported, or doesn't fit the hooks.
    """
    is_file = name.endswith(".py") or os.sep in name
    try:
        module = _import_file(Path(name)) if is_file else import_module(name)
    except RAISED as error:
        raise PluginError(
            f"The plugin {name} can't be imported: {type(error).__name__}: {error}.",
            hint="Mend it, or leave it out.",
        ) from error
    title = f"plugin {_nearby(name) if is_file else name}"
    try_out(module, title)
    if problem := without_hooks(module, title):
        plugin_log().warning("%s", problem)
    return LoadedPlugin(title, module, is_local=True)


def _nearby(path: str) -> str:
    """A file's path as people write it: configuration makes it a long one."""
    return min(path, os.path.relpath(path), key=len)


def _import_file(path: Path) -> ModuleType:
    """Import a plugin's file; the same file again is the same module."""
    path = path.resolve()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    name = f"flowenv_local_plugin_{module_name(path)}_{zlib.crc32(bytes(path)):08x}"
    return sys.modules.get(name) or import_file(name, path)
