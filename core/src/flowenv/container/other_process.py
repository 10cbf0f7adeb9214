"""What runs in another container of a run than the flow's: a Dask scheduler, or a worker."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from flowenv import contract
from flowenv.container.installing import install
from flowenv.container.run_payload import check_runtime
from flowenv.container.temporary_folder import ensure_temporary_folder
from flowenv.errors import PayloadError
from flowenv.results.outcome import EXIT_CANCELLED, EXIT_CRASHED


def run_other() -> NoReturn:
    """Install what the flow requires, and become the program that this process's arguments name.

    It finds flowenv and the requirements as the flow's own process does. Why it can't be started
    is the last line of the log.
    """
    program = sys.argv[1:]
    # process 1 hears no signal without a handler; the program gets the default one back
    signal.signal(signal.SIGTERM, lambda *_: os._exit(EXIT_CANCELLED))
    try:
        check_runtime()
        if requirements := json.loads(os.environ.get(contract.REQUIREMENTS, "[]")):
            ensure_temporary_folder()
            # it lasts as long as the container
            install(requirements, Path(tempfile.mkdtemp(prefix="flowenv-")) / "requirements")
        os.execvp(program[0], program)
    except (PayloadError, OSError) as error:
        message = error.message if isinstance(error, PayloadError) else f"{program[0]}: {error}"
        print(message, file=sys.stderr, flush=True)
        sys.exit(EXIT_CRASHED)
