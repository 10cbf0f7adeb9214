"""A look at the versions of each Dask worker that joins, before anything of the flow's runs there.

It travels to workers as this module's text: another Python can't run our bytecode, and a worker's
image needn't have flowenv.
"""

from __future__ import annotations

import os
import sys
from typing import Any

OTHER_VERSIONS = 78
"""The exit code of a worker with other versions; sysexits.h calls it a configuration error."""
_TERMINATION_LOG = "/dev/termination-log"


def versions_of(info: Any) -> tuple[str, str, str]:
    """Python's, dask's and distributed's version, as far as they matter.

    Args:
        info: what `distributed.versions.get_versions` gives.
    """
    packages = info["packages"]
    python = ".".join(packages["python"].split(".")[:2])
    return python, packages["dask"], packages["distributed"]


def named(versions: tuple[str, str, str]) -> str:
    """Versions in words."""
    return "Python {}, dask {}, distributed {}".format(*versions)


def version_check(expected: tuple[str, str, str], source: str) -> Any:
    """A worker plugin with which a worker that has other versions leaves the cluster, and ends.

    Args:
        expected: the flow's versions.
        source: this module's text.
    """
    from distributed import WorkerPlugin
    from distributed.versions import get_versions

    class VersionCheck(WorkerPlugin):
        name = "flowenv-versions"
        idempotent = True

        def __reduce__(self) -> tuple[Any, ...]:
            make = "(exec(source, globals()), version_check(expected, source))[1]"
            return eval, (make, {"source": source, "expected": expected, "__name__": __name__})

        async def setup(self, worker: Any) -> None:
            found = versions_of(get_versions())
            if found == expected:
                return
            worker.upload_file = _refuse  # the flow's files are imported when they arrive
            words = f"the versions don't match: the flow has {named(expected)}; "
            words += f"this worker has {named(found)}"
            _tell(words)
            try:
                # else what it was given counts as killed with it, and Dask gives it up soon
                await worker.scheduler.retire_workers(workers=[worker.address])
                if worker.nanny:
                    await _end_nanny(worker)
            finally:
                os._exit(OTHER_VERSIONS)

    return VersionCheck()


async def _refuse(*_: Any, **__: Any) -> Any:
    raise RuntimeError("this worker has other versions than the flow")


async def _end_nanny(worker: Any) -> None:
    """Keep the worker's nanny from starting it again."""
    with worker.rpc(worker.nanny) as nanny:
        await nanny.close_gracefully(reason="versions")


def _tell(words: str) -> None:
    sys.stderr.write(f"flowenv: {words}\n")
    sys.stderr.flush()
    try:
        # Kubernetes tells of it with the container's end
        if os.path.exists(_TERMINATION_LOG):  # noqa: PTH110  # Pythons of any age
            with open(_TERMINATION_LOG, "w", encoding="utf-8") as log:  # noqa: PTH123
                log.write(words)
    except OSError:
        pass
