"""Runs of an environment that has only this machine, several at once: each in its own process."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from flowenv.answers.handle import FinishedHandle
from flowenv.batches.rows import Row
from flowenv.errors import FlowenvError
from flowenv.results.output_folder import folder_here
from flowenv.results.record.outcome import Outcome
from flowenv.states import State, Status
from flowenv.submission.prepared import Prepared
from flowenv.submission.rehearsal import Processes, Rehearsed, rehearse


class ProcessHandle(FinishedHandle):
    """The handle of a run that was over when its process had ended.

    Args:
        rehearsed: how it ended.
    """

    def __init__(self, rehearsed: Rehearsed) -> None:
        self._rehearsed = rehearsed
        self.error = rehearsed.result_error

    @property
    def value(self) -> Any:
        """The flow's result.

        Raises:
            ResultUnavailable: if it didn't come out of the process.
        """
        if self._rehearsed.result_error:
            raise self._rehearsed.result_error
        return self._rehearsed.result

    def status(self) -> Status:
        """The final status."""
        return self._rehearsed.status

    def outcome(self) -> Outcome | None:  # type: ignore[override]
        """The outcome, if the process left one."""
        return self._rehearsed.outcome


class LocalProcesses:
    """Starts runs, so many at once, each as its container would be started.

    Args:
        at_once: how many processes there are at a time.
    """

    def __init__(self, at_once: int) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="flowenv-batch")
        # as they run here, they find the modules that this process finds
        path = os.pathsep.join(str(Path(one).absolute()) for one in sys.path)
        self._processes = Processes({"PYTHONPATH": path})

    def start(self, row: Row) -> None:
        """Let a row's run begin as soon as there is place."""
        self._threads.submit(self._run, row.begun())

    def _run(self, prepared: Prepared) -> None:
        run = prepared.flow_run
        if self._processes.are_ended:
            run.observe(Status(State.CANCELLED, message="It had not begun."))
            return
        run.begins_now()
        run.output = folder_here(run)
        run.observe(Status(State.RUNNING))
        try:
            rehearsed = rehearse(prepared, self._processes)
        except Exception as error:  # nobody else would hear of it, and the run would never end
            said = str(error) if isinstance(error, FlowenvError) else repr(error)
            rehearsed = Rehearsed(None, Status(State.CRASHED, message=said), ())
        if self._processes.are_ended and rehearsed.status.state is State.CRASHED:
            rehearsed = Rehearsed(None, Status(State.CANCELLED), ())
        run.handle = ProcessHandle(rehearsed)
        run.observe(rehearsed.status)

    def end(self) -> None:
        """End what runs, and start nothing more; returns when all have ended."""
        self._processes.end()
        self._threads.shutdown()
