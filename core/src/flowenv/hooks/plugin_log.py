"""The logger for what is to be said of plugins."""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers know it: `typing` itself takes its time
if TYPE_CHECKING:
    from logging import Logger


def plugin_log() -> Logger:
    """The logger; most processes have nothing to say, so it is imported when it is asked for."""
    import logging

    return logging.getLogger("flowenv.plugins")
