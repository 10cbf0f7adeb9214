"""Lead a pod's paths to the directories that stand for its volumes, inside Python.

Used where the rig may not make mount namespaces. ``FLOWENV_RIG_PATHS`` holds a JSON object from a
path in the pod to a path on the machine. Only what Python's own ``open``, ``os`` and ``pathlib``
do is led there; a program of another kind sees the machine's paths.
"""

from __future__ import annotations

import builtins
import functools
import io
import json
import os
from collections.abc import Callable
from typing import Any

_ONE_PATH = (
    *("open", "stat", "lstat", "access", "readlink", "chmod", "utime", "remove", "unlink"),
    *("listdir", "scandir", "mkdir", "rmdir"),
)
_TWO_PATHS = ("rename", "replace", "link", "symlink")


def install() -> None:
    """Replace the functions of ``io``, ``builtins`` and ``os`` that take paths."""
    places = sorted(json.loads(os.environ["FLOWENV_RIG_PATHS"]).items(), reverse=True)

    def lead(path: Any) -> Any:
        if not isinstance(path, str | bytes | os.PathLike):
            return path
        text = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 (pathlib calls what is replaced here)
        for inside, outside in places:
            if text == inside or text.startswith(inside + "/"):
                return outside + text[len(inside) :]
        return path

    def led(function: Callable[..., Any], paths: int) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, **options: Any) -> Any:
            return function(*map(lead, args[:paths]), *args[paths:], **options)

        return wrapper

    for name in _ONE_PATH:
        setattr(os, name, led(getattr(os, name), 1))
    for name in _TWO_PATHS:
        setattr(os, name, led(getattr(os, name), 2))
    builtins.open = io.open = led(io.open, 1)
    _lead_certificates(lead)


def _lead_certificates(lead: Callable[[Any], Any]) -> None:
    """Lead the files that TLS reads by itself: clients in a pod trust the cluster by one."""
    import ssl

    load = ssl.SSLContext.load_verify_locations

    def load_led(self: ssl.SSLContext, cafile: Any = None, *args: Any, **options: Any) -> None:
        load(self, lead(cafile), *args, **options)

    ssl.SSLContext.load_verify_locations = load_led  # type: ignore[method-assign]
