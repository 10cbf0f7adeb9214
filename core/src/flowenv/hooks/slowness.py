"""Naming a plugin whose hook takes long, while it does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flowenv.hooks.plugin_log import plugin_log

SLOW = 2.0
"""Seconds after which a plugin's hook is named."""


@contextmanager
def named_if_slow(plugin: str, hook: str, more: str = "") -> Iterator[None]:
    """Within the block, say once who it is that takes longer than `SLOW` seconds.

    Args:
        plugin: how messages name the plugin.
        hook: which of its hooks is called.
        more: a sentence behind that.
    """

    def say() -> None:
        text = f"{plugin} takes more than {SLOW:g} s in {hook}. {more}"
        plugin_log().warning("%s", text.rstrip())

    timer = threading.Timer(SLOW, say)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
