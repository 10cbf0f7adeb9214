"""flowenv, brought to a scheduler and workers whose image lacks it by the connection to them.

It travels to them as this module's text, since they can't import it from flowenv yet.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from importlib.util import find_spec
from typing import Any


def runtime_plugins(content: bytes, source: str) -> tuple[Any, Any]:
    """A scheduler's and a worker's plugin after which flowenv can be imported there.

    Args:
        content: flowenv, as a zip that Python imports from.
        source: this module's text.
    """
    from distributed import SchedulerPlugin, WorkerPlugin

    def made_again(which: int) -> tuple[Any, ...]:
        make = f"(exec(source, globals()), runtime_plugins(content, source))[1][{which}]"
        return eval, (make, {"source": source, "content": content, "__name__": __name__})

    class SchedulerRuntime(SchedulerPlugin):
        name = "flowenv-runtime"
        idempotent = True

        def __reduce__(self) -> tuple[Any, ...]:
            return made_again(0)

        async def start(self, scheduler: Any) -> None:
            _put(content)

    class WorkerRuntime(WorkerPlugin):
        name = "flowenv-runtime"
        idempotent = True

        def __reduce__(self) -> tuple[Any, ...]:
            return made_again(1)

        def setup(self, worker: Any) -> None:  # at once: the flow's files come behind it
            _put(content)

    return SchedulerRuntime(), WorkerRuntime()


def _put(content: bytes) -> None:
    """Let this process import flowenv, unless it can; what else the zip has is found last."""
    if find_spec("flowenv") is not None:
        return
    path = os.path.join(tempfile.mkdtemp(prefix="flowenv-"), "flowenv.zip")  # noqa: PTH118
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(content)
    sys.path.append(path)
    importlib.invalidate_caches()
