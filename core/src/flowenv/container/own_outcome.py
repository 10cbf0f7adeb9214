"""The outcome of this process: what stopped or failed it, and leaving the record of it."""

from __future__ import annotations

import dataclasses
import logging
import os
import sys
from pathlib import Path
from typing import NoReturn

from flowenv import contract
from flowenv.container.incoming_payload import Known
from flowenv.container.tracebacks import show_user_traceback
from flowenv.errors import FlowenvError
from flowenv.results.record.exit_codes import (
    EXIT_CANCELLED,
    EXIT_COMPLETED,
    EXIT_CRASHED,
    EXIT_FAILED,
)
from flowenv.results.record.outcome import Outcome
from flowenv.results.record.text import LIMIT
from flowenv.signals.terminated import Terminated
from flowenv.states import Reason, State

_log = logging.getLogger("flowenv")


def own_run_id() -> str:
    """The id of the run that this process was started for; empty if nobody says."""
    return os.environ.get(contract.FLOW_RUN_ID, "")


def unless_completed(outcome: Outcome, by: KeyboardInterrupt) -> Outcome:
    """The outcome of a process that was asked to stop, whatever its flow made of that.

    Libraries in C turn an interrupt into errors of their own, which say nothing of the flow.
    """
    if outcome.state is State.COMPLETED:
        return outcome
    times = {name: getattr(outcome, name) for name in ("ran", "installed", "clustered")}
    return dataclasses.replace(interrupted(by), **times)


def interrupted(by: KeyboardInterrupt) -> Outcome:
    """The outcome of a process that was asked to stop.

    SIGTERM says that, and not who asked: a run counts as cancelled only if its platform, or who
    started it, knows of a cancellation. Ctrl-C is one.
    """
    if isinstance(by, Terminated) and not by.is_cancellation:
        return Outcome(
            own_run_id(),
            State.CRASHED,
            reason=Reason.STOPPED,
            message="The flow's process was asked to stop (SIGTERM).",
            hint="It may well succeed when it is run again.",
        )
    return Outcome(own_run_id(), State.CANCELLED, message="The flow's process was interrupted.")


def start_error(run_id: str, error: BaseException) -> Outcome:
    """The outcome of a process in which the flow couldn't be started."""
    name, message, hint = type(error).__name__, str(error), ""
    if isinstance(error, FlowenvError):
        message, hint = error.message, error.hint
        _log.error("%s", error)
    else:
        show_user_traceback(error)
        message = f"The flow can't be loaded: {name}: {error}"
        hint = "Does the image have what the flow imports?"
    return Outcome(
        run_id,
        State.CRASHED,
        reason=Reason.START_ERROR,
        error_class=name,
        message=message,
        hint=hint,
    )


_EXIT_CODES = {
    State.COMPLETED: EXIT_COMPLETED,
    State.FAILED: EXIT_FAILED,
    State.CRASHED: EXIT_CRASHED,
}


def leave(outcome: Outcome) -> NoReturn:
    """Write the outcome where the platform looks for it, and exit as it says."""
    _write(dataclasses.replace(outcome, proof=Known.proof))
    sys.exit(EXIT_CANCELLED if outcome.was_stopped else _EXIT_CODES[outcome.state])


def _write(outcome: Outcome) -> None:
    if path := os.environ.get(contract.OUTCOME):
        try:
            Path(path).write_bytes(outcome.to_bytes(limit()))
            return
        except OSError as error:
            _log.warning("The outcome can't be written to %s: %s", path, error)
    sys.stderr.flush()
    print(outcome.to_line(), flush=True)


def limit() -> int:
    """How many bytes of a record the platform takes."""
    given = os.environ.get(contract.OUTCOME_LIMIT, "")
    return min(int(given), LIMIT) if given.isdecimal() else LIMIT
