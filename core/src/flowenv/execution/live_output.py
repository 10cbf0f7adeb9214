"""What a flow prints is seen when it happens, and isn't lost when its process is killed."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def live_output() -> Iterator[None]:
    """Buffer the standard output by lines while a flow runs, also where it is no terminal."""
    stream = sys.stdout
    configure = getattr(stream, "reconfigure", None)
    if configure is None or stream.line_buffering:
        yield  # somebody else's, such as a notebook's
        return
    configure(line_buffering=True)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # the flow has closed it
            configure(line_buffering=False)
