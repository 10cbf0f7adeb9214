"""Where a flow's result goes when its process ends: the record, `results_url`, or the log."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowenv.errors import FlowenvError, PayloadError
from flowenv.runs.outcome import Outcome
from flowenv.runs.result_document import ResultDocument, digest
from flowenv.runs.result_lines import LARGEST, lines_of, write_lines
from flowenv.states import State


@dataclass(frozen=True)
class Ways:
    """The ways that a result can take.

    Args:
        record_limit: the bytes of the record.
        proof: the proof that the record will have.
        results_url: where results are stored; None for nowhere.
        in_log: whether this process's log is kept by its platform and read by flowenv.
        log_file: a file that takes the place of the log, as in a rehearsal.
    """

    record_limit: int
    proof: str = ""
    results_url: str | None = None
    in_log: bool = False
    log_file: Path | None = None


def completed(run_id: str, value: Any, ways: Ways) -> Outcome:
    """The outcome of a run whose flow returned; the result is on its way then.

    Args:
        run_id: the run.
        value: what the flow returned.
        ways: where it can go.
    """
    kind = type(value).__qualname__
    try:
        document = ResultDocument.of(value)
    except PayloadError as error:
        if ways.results_url:
            return _lost(run_id, error)
        return Outcome(run_id, State.COMPLETED, result_type=kind, left=error.message)
    if not document.not_data:
        outcome = Outcome(run_id, State.COMPLETED, document.data, has_result=True, proof=ways.proof)
        if outcome.carries_result(ways.record_limit):
            return outcome
    content = document.content()
    if ways.results_url:
        from flowenv.runs.stored_result import store_result

        try:
            stored = store_result(ways.results_url, run_id, content)
        except FlowenvError as error:
            return _lost(run_id, error)
        return Outcome(run_id, State.COMPLETED, stored=stored, result_type=kind)
    if not ways.in_log:
        size = f"it has {len(content):,} bytes, and the record room for {ways.record_limit:,}"
        left = f"{document.not_data}, which is no data" if document.not_data else size
        return Outcome(run_id, State.COMPLETED, result_type=kind, left=left)
    return _logged(run_id, content, kind, ways.log_file)


def _logged(run_id: str, content: bytes, kind: str, file: Path | None) -> Outcome:
    lines = lines_of(run_id, content)
    if lines is None:
        left = (
            f"it has {len(content):,} bytes, and what travels without results_url has "
            f"{LARGEST:,} at most, compressed"
        )
        return Outcome(run_id, State.COMPLETED, result_type=kind, left=left)
    try:
        if file:
            file.write_text("\n".join(lines))
        else:
            sys.stdout.flush()
            write_lines(lines)
    except (OSError, ValueError) as error:  # the flow has closed it
        left = f"the log can't be written to ({error})"
        return Outcome(run_id, State.COMPLETED, result_type=kind, left=left)
    return Outcome(run_id, State.COMPLETED, logged=digest(content), result_type=kind)


def _lost(run_id: str, error: FlowenvError) -> Outcome:
    return Outcome(
        run_id,
        State.FAILED,
        error_class=type(error).__name__,
        message=f"The flow returned, but its result was lost: {error}",
    )
