"""For the tests of plugins: which of them flowenv has loaded."""

from __future__ import annotations

from flowenv.hooks.notifications import flush
from flowenv.registry.registry import registry


def loaded_plugins() -> list[str]:
    """The plugins for every backend that are loaded, by the names that messages give them.

    >>> "plugin acme" in loaded_plugins()
    False
    """
    return [plugin.name for plugin in registry().plugins()]


def flush_notifications() -> None:
    """Wait until plugins have been told of every change of state so far, at most 5 seconds.

    They are told from threads of their own: a test of a notifier calls this before it looks.

    >>> flush_notifications()
    """
    flush()
