"""Classes and functions by their dotted names."""

from __future__ import annotations

import importlib
from typing import Any

from flowenv.errors import SettingError
from flowenv.settings.declaration import closest


def load_class(dotted: str) -> Any:
    """Import a class by its dotted name (`package.module.Class` or `package.module:Class`).

    Raises:
        SettingError: if there is no such class.
    """
    path, _, name = dotted.replace(":", ".").rpartition(".")
    try:
        module = importlib.import_module(path)
    except (ImportError, ValueError) as error:
        raise SettingError(f"{dotted!r} can't be imported: {error}.") from error
    try:
        return getattr(module, name)
    except (AttributeError, ImportError) as error:
        close = closest(name, [n for n in dir(module) if not n.startswith("_")])
        hint = f"Did you mean '{path}.{close}'?" if close else ""
        raise SettingError(f"{dotted!r} can't be imported: {error}.", hint=hint) from error
