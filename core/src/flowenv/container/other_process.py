"""What runs in another container of a run than the flow's: a Dask scheduler, or a worker.

A worker's start is waited for: what few containers need is imported where it is needed.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from flowenv import contract
from flowenv.container.own_runtime import check_runtime
from flowenv.errors import PayloadError

_STOPPED = 128 + signal.SIGTERM


def run_other() -> NoReturn:
    """Install what the flow requires, and become the program that this process's arguments name.

    It finds flowenv and the requirements as the flow's own process does. Why it can't be started
    is the last line of the log.
    """
    program = sys.argv[1:]
    # process 1 hears no signal without a handler; another program gets the default one back
    signal.signal(signal.SIGTERM, lambda *_: os._exit(_STOPPED))
    requirements = os.environ.get(contract.REQUIREMENTS, "[]")
    try:
        check_runtime()
        if requirements != "[]":
            _install(requirements)
    except (PayloadError, OSError) as error:
        _end(error.message if isinstance(error, PayloadError) else str(error))
    if requirements == "[]" and program[:2] == ["python", "-m"]:
        _run_module(*program[2:])
    try:
        os.execvp(program[0], program)
    except OSError as error:
        _end(f"{program[0]}: {error}")


def _end(message: str) -> NoReturn:
    from flowenv.results.record.exit_codes import EXIT_CRASHED

    print(message, file=sys.stderr, flush=True)
    sys.exit(EXIT_CRASHED)


def _install(requirements: str) -> None:
    import json
    import tempfile
    from pathlib import Path

    from flowenv.container.installing import install
    from flowenv.container.temporary_folder import ensure_temporary_folder

    ensure_temporary_folder()
    # it lasts as long as the container
    install(json.loads(requirements), Path(tempfile.mkdtemp(prefix="flowenv-")) / "requirements")


def _run_module(module: str, *arguments: str) -> NoReturn:
    """Be a module's program here: another Python would have to start first."""
    import runpy

    sys.argv[:] = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit()
