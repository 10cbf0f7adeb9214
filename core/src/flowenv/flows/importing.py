"""A script that runs its own flow as soon as it is imported would do so without end."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from flowenv.errors import RunWhileImporting
from flowenv.flows.definition import Flow


def check_not_importing(flow: Flow[..., Any]) -> None:
    """Check that the flow's own module isn't being imported by whoever wants to run it.

    A script that is called has the name `__main__`. Where its flow runs, it is imported under
    a name of its own, and so in a Dask worker or another process of a pool: what it submits
    there would be imported, and submitted, again and again.

    Raises:
        RunWhileImporting: naming the line.
    """
    own = {flow.module, getattr(flow.function, "__module__", None)}
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__")
        if frame.f_code.co_name == "<module>" and name in own and _is_import(frame, name):
            raise RunWhileImporting(
                f"{frame.f_code.co_filename}:{frame.f_lineno}: the flow {flow.name} is run while "
                "its own file is imported, which happens again wherever the flow runs.",
                hint='Put the lines that run it below `if __name__ == "__main__":`.',
            )
        frame = frame.f_back


def _is_import(frame: FrameType, name: object) -> bool:
    """True for code that an import runs; what is typed in or called as a script is none."""
    if name == "__mp_main__":  # multiprocessing's name for the script in its processes
        return True
    caller = frame.f_back.f_code.co_filename if frame.f_back else ""
    return caller.startswith("<frozen importlib")
