"""What runs in the flow's container: load the payload, run the flow, leave an outcome."""

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
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from flowenv import contract
from flowenv.container.own_runtime import check_runtime
from flowenv.container.temporary_folder import ensure_temporary_folder
from flowenv.container.tracebacks import hint_for, show_user_traceback, user_traceback
from flowenv.contract.log_lines import BEGINNING
from flowenv.contract.logging_variables import extra_loggers, logging_level
from flowenv.errors import FlowenvError, PayloadError, PlatformError
from flowenv.remote.retries import Retries, TryAgain
from flowenv.results.exit_codes import EXIT_CANCELLED, EXIT_COMPLETED, EXIT_CRASHED, EXIT_FAILED
from flowenv.results.lines import REHEARSED_RESULT
from flowenv.results.outcome import Outcome
from flowenv.results.record import LIMIT
from flowenv.results.seal import fits, proof_of
from flowenv.signals.terminated import Terminated
from flowenv.signals.waking import wake_for_signals
from flowenv.states import Reason, State

if TYPE_CHECKING:
    from flowenv.container.outgoing_result import Ways
    from flowenv.container.unpacking import Unpacked
    from flowenv.runs.flow_run import FlowRun

_Read = TypeVar("_Read")

_log = logging.getLogger("flowenv")

FETCHING = Retries(tries=6, first=0.5)
"""How often a payload is asked for: its place may not be reached in a container's first seconds."""


def run_container() -> Outcome:
    """Run the flow that this process was started for.

    Whatever goes wrong is in the outcome; only an interrupt goes through.
    """
    # for the signals that have handlers by now
    wake_for_signals()
    run_id = _run_id()
    try:
        check_runtime()
        _configure_logging()
        return _load_and_run(run_id)
    except (Exception, SystemExit) as error:
        interrupt = _interrupt_behind(error)
        return interrupted(interrupt) if interrupt else _start_error(run_id, error)


def _interrupt_behind(error: BaseException | None) -> KeyboardInterrupt | None:
    """The interrupt behind an error, if any; Python 3.11 wraps one that hits `__set_name__`."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error


def _run_id() -> str:
    return os.environ.get(contract.FLOW_RUN_ID, "")


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
    _check_seal(payload)
    unpacked = unpack(payload, _read_common)
    with _folder() as folder:
        seconds = 0.0
        if unpacked.requirements:
            from flowenv.container.installing import install

            seconds = install(unpacked.requirements, folder / "requirements")
        installed = (time.time(), seconds) if seconds else ()
        _check_results_place(unpacked.results_url, run_id)
        run = load_run(unpacked, folder / "flow")
        run.installed = installed
        run.directory = None if _scheme(where) else Path(where).parent
        if not os.environ.get(contract.OUTPUT):  # else its files go where somebody wants them
            run.output = folder / "output"
            run.output.mkdir()
        return _run(run, unpacked)


def _read_common() -> bytes:
    """The part of the payload that all runs of a batch share.

    Raises:
        PayloadError: if it can't be read.
    """
    where = os.environ.get(contract.PAYLOAD_COMMON)
    if not where:
        raise PayloadError(
            f"{contract.PAYLOAD_COMMON} isn't set: a part of the payload is missing."
        )
    return read_payload(where)


def _check_results_place(url: str | None, run_id: str) -> None:
    """Check that a result can be stored, before the flow works for it.

    Raises:
        PayloadError: if it can't.
    """
    if not url:
        return
    from flowenv.results.object_urls import trial_object
    from flowenv.serialization import storage

    if package := storage.missing_package(url):
        raise PayloadError(
            f"results_url is {url}, which needs {package}, and the image doesn't have it.",
            hint="Add it to the image, or to what the flow requires; or leave results_url out.",
        )
    try:
        storage.try_out(trial_object(url, run_id))
    except FlowenvError as error:
        raise PayloadError(
            f"A result can't be stored at results_url: {error.message}",
            hint="Give the flow's container the right to write there, or leave results_url out.",
        ) from error


class _Known:
    """What this process can prove: the SHA-256 of the payload that it was started for."""

    proof = ""


def _check_seal(payload: bytes) -> None:
    """Check that the payload is the one that the run was submitted with.

    Raises:
        PayloadError: if it is another.
    """
    proof, seal = proof_of(payload), os.environ.get(contract.PAYLOAD_SEAL)
    if seal and not fits(proof, seal):
        raise PayloadError(
            "The payload isn't the one that this run was submitted with.",
            hint="Somebody else has written to where it is kept. See docs/security.md.",
        )
    _Known.proof = proof


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder for the flow's shipped files."""
    ensure_temporary_folder()
    with tempfile.TemporaryDirectory(prefix="flowenv-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def read_payload(where: str) -> bytes:
    """The payload's bytes.

    Args:
        where: a path, a `data:` or `https:` URL, or a URL that fsspec knows.

    Raises:
        PayloadError: if it can't be read.
    """
    scheme = _scheme(where)
    if scheme in ("data", "http", "https"):
        return _fetch(where, scheme)
    try:
        if scheme:
            from flowenv.serialization.storage import read

            return read(where)
        return Path(where).read_bytes()
    except (OSError, PlatformError) as error:
        raise PayloadError(f"The payload can't be read from {where}: {error}.") from error


def _scheme(where: str) -> str:
    return "data" if where.startswith("data:") else where.rpartition("://")[0]


def _fetch(url: str, scheme: str) -> bytes:
    """What a URL holds, asked for again where that can help.

    A presigned one is a secret, so no error shows it.
    """
    import http.client
    import urllib.error
    import urllib.request

    from flowenv.container.unpacking import LARGEST

    def attempt() -> bytes:
        what = f"The payload can't be read from its {scheme} URL"
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return bytes(answer.read(LARGEST + 1))
        except urllib.error.HTTPError as error:
            refused = PayloadError(f"{what}: {error}.")
            if error.code < 500 and error.code not in (408, 429):
                raise refused from error
            raise TryAgain(refused, after=error.headers.get("Retry-After")) from error
        except OSError as error:
            raise TryAgain(PayloadError(f"{what}: {error}.")) from error
        except http.client.HTTPException as error:
            raise TryAgain(PayloadError(f"{what}: {type(error).__name__}.")) from None
        except ValueError as error:
            raise PayloadError(f"{what}: {type(error).__name__}.") from None

    return FETCHING.call(attempt)


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
    outcome, ways = dataclasses.replace(outcome, proof=_Known.proof, **_times(run)), _ways(unpacked)
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
    return Ways(_limit(), unpacked.results_url, unpacked.logs_results, log_file)


def _times(run: FlowRun) -> dict[str, Any]:
    return {"ran": run.ran, "installed": run.installed, "clustered": run.clustered}


def _without_token(text: str) -> str:
    token = os.environ.get(contract.AUTH_TOKEN)
    return text.replace(token, "***") if token else text


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
            _run_id(),
            State.CRASHED,
            reason=Reason.STOPPED,
            message="The flow's process was asked to stop (SIGTERM).",
            hint="It may well succeed when it is run again.",
        )
    return Outcome(_run_id(), State.CANCELLED, message="The flow's process was interrupted.")


def _start_error(run_id: str, error: BaseException) -> Outcome:
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
    _write(dataclasses.replace(outcome, proof=_Known.proof))
    sys.exit(EXIT_CANCELLED if outcome.was_stopped else _EXIT_CODES[outcome.state])


def _write(outcome: Outcome) -> None:
    if path := os.environ.get(contract.OUTCOME):
        try:
            Path(path).write_bytes(outcome.to_bytes(_limit()))
            return
        except OSError as error:
            _log.warning("The outcome can't be written to %s: %s", path, error)
    sys.stderr.flush()
    print(outcome.to_line(), flush=True)


def _limit() -> int:
    """How many bytes of a record the platform takes."""
    given = os.environ.get(contract.OUTCOME_LIMIT, "")
    return min(int(given), LIMIT) if given.isdecimal() else LIMIT
