"""What runs in the flow's container: load the payload, run the flow, have its outcome."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from flowenv import contract
from flowenv.container.incoming_payload import (
    Known,
    check_seal,
    read_common,
    read_payload,
    scheme_of,
)
from flowenv.container.own_outcome import interrupted, limit, own_run_id, start_error
from flowenv.container.own_runtime import check_runtime
from flowenv.container.rehearsed import end_with_starter
from flowenv.container.temporary_folder import ensure_temporary_folder
from flowenv.container.tracebacks import hint_for, show_user_traceback, user_traceback
from flowenv.contract.log_lines import BEGINNING
from flowenv.contract.logging_variables import extra_loggers, logging_level
from flowenv.errors import FlowenvError, PayloadError
from flowenv.results.lines import REHEARSED_RESULT
from flowenv.results.record.outcome import Outcome
from flowenv.signals.waking import wake_for_signals
from flowenv.states import State

if TYPE_CHECKING:
    from flowenv.container.outgoing_result import Ways
    from flowenv.container.unpacking import Unpacked
    from flowenv.runs.flow_run import FlowRun

_Read = TypeVar("_Read")

_log = logging.getLogger("flowenv")


def run_container() -> Outcome:
    """Run the flow that this process was started for.

    Whatever goes wrong is in the outcome; only an interrupt goes through.
    """
    # for the signals that have handlers by now
    wake_for_signals()
    end_with_starter()
    run_id = own_run_id()
    try:
        check_runtime()
        _configure_logging()
        return _load_and_run(run_id)
    except (Exception, SystemExit) as error:
        interrupt = _interrupt_behind(error)
        return interrupted(interrupt) if interrupt else start_error(run_id, error)


def _interrupt_behind(error: BaseException | None) -> KeyboardInterrupt | None:
    """The interrupt behind an error, if any; Python 3.11 wraps one that hits `__set_name__`."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error


def _configure_logging() -> None:
    """Log to the standard error as the contract's logging variables say."""
    level = _read(contract.LOGGING_LEVEL, logging_level)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    for name in ("flowenv", *_read(contract.EXTRA_LOGGERS, extra_loggers)):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.addHandler(handler)
        logger.propagate = False


def _read(variable: str, read: Callable[[str], _Read]) -> _Read:
    """What a variable says.

    Raises:
        PayloadError: if it can't be read.
    """
    try:
        return read(os.environ.get(variable, ""))
    except ValueError as error:
        raise PayloadError(f"{variable} is {error}.") from None


def _load_and_run(run_id: str) -> Outcome:
    from flowenv.container.unpacking import expanded, load_run, unpack

    where = os.environ.get(contract.PAYLOAD)
    if not where:
        raise PayloadError(f"{contract.PAYLOAD} isn't set: there is no flow to run.")
    payload = expanded(read_payload(where))
    check_seal(payload)
    unpacked = unpack(payload, read_common)
    with _folder() as folder:
        seconds = 0.0
        if unpacked.requirements:
            from flowenv.container.installing import install

            seconds = install(unpacked.requirements, folder / "requirements")
        installed = (time.time(), seconds) if seconds else ()
        _check_results_place(unpacked.results_url, run_id)
        run = load_run(unpacked, folder / "flow")
        run.installed = installed
        run.directory = None if scheme_of(where) else Path(where).parent
        if not os.environ.get(contract.OUTPUT):  # else its files go where somebody wants them
            run.output = folder / "output"
            run.output.mkdir()
        return _run(run, unpacked)


def _check_results_place(url: str | None, run_id: str) -> None:
    """Check that a result can be stored, before the flow works for it.

    Raises:
        PayloadError: if it can't.
    """
    if not url:
        return
    from flowenv.results.object_urls import Kept, object_url
    from flowenv.serialization import storage

    if package := storage.missing_package(url):
        raise PayloadError(
            f"results_url is {url}, which needs {package}, and the image doesn't have it.",
            hint="Add it to the image, or to what the flow requires; or leave results_url out.",
        )
    try:
        storage.try_out(object_url(url, run_id, Kept.TRIAL))
    except FlowenvError as error:
        raise PayloadError(
            f"A result can't be stored at results_url: {error.message}",
            hint="Give the flow's container the right to write there, or leave results_url out.",
        ) from error


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder for the flow's shipped files."""
    ensure_temporary_folder()
    with tempfile.TemporaryDirectory(prefix="flowenv-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _run(run: FlowRun, unpacked: Unpacked) -> Outcome:
    from flowenv.container.outgoing_files import send_files
    from flowenv.container.outgoing_result import completed
    from flowenv.execution.in_process import outcome_of_error

    _log.info(BEGINNING, run.flow_name, run.id)
    own_folder, value = run.output, None
    try:
        value = _result(run)
        outcome = Outcome(run.id, State.COMPLETED)
    except KeyboardInterrupt as error:
        return dataclasses.replace(interrupted(error), **_times(run))
    except Exception as error:
        outcome = outcome_of_error(run, error)
        if outcome.state is State.FAILED:
            show_user_traceback(error)
            trace = _without_token(user_traceback(error))
            outcome = dataclasses.replace(outcome, traceback=trace, hint=hint_for(error))
        else:
            _log.error("%s", error)
    outcome, ways = dataclasses.replace(outcome, proof=Known.proof, **_times(run)), _ways(unpacked)
    if own_folder:
        outcome = send_files(outcome, own_folder, ways)
    return completed(outcome, value, ways) if outcome.state is State.COMPLETED else outcome


def _result(run: FlowRun) -> object:
    if not os.environ.get(contract.REHEARSAL):
        return run.hooks.run_flow(run)
    from flowenv.execution.running import run_flow
    from flowenv.results.output_folder import output_folder

    with output_folder(run):
        return run_flow(run.environment, run).value


def _ways(unpacked: Unpacked) -> Ways:
    from flowenv.container.outgoing_result import Ways

    rehearsal = os.environ.get(contract.REHEARSAL) and os.environ.get(contract.OUTCOME)
    log_file = Path(rehearsal).with_name(REHEARSED_RESULT) if rehearsal else None
    return Ways(limit(), unpacked.results_url, unpacked.logs_results, log_file)


def _times(run: FlowRun) -> dict[str, Any]:
    return {"ran": run.ran, "installed": run.installed, "clustered": run.clustered}


def _without_token(text: str) -> str:
    token = os.environ.get(contract.AUTH_TOKEN)
    return text.replace(token, "***") if token else text
