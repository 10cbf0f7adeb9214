"""For the tests of plugins: which of them flowenv has loaded."""

from __future__ import annotations

from flowenv.hooks.registry import registry


def loaded_plugins() -> list[str]:
    """The plugins for every backend that are loaded, by the names that messages give them.

    >>> "plugin acme" in loaded_plugins()
    False
    """
    return [plugin.name for plugin in registry().plugins()]
