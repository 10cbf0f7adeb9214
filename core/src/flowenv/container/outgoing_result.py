"""Where a flow's result goes when its process ends: the record, `results_url`, or the log."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flowenv.errors import FlowenvError, PayloadError
from flowenv.results.document import ResultDocument, digest
from flowenv.results.lines import LARGEST, lines_of, write_lines
from flowenv.results.record.outcome import NO_DATA_HINT, Outcome
from flowenv.states import State

_log = logging.getLogger("flowenv")


@dataclass(frozen=True)
class Ways:
    """The ways that a result can take.

    Args:
        record_limit: the bytes of the record.
        results_url: where results are stored; None for nowhere.
        in_log: whether this process's log is kept by its platform and read by flowenv.
        log_file: a file that takes the place of the log, as in a rehearsal.
    """

    record_limit: int
    results_url: str | None = None
    in_log: bool = False
    log_file: Path | None = None

    @property
    def is_rehearsal(self) -> bool:
        """True if nobody fetches what is left."""
        return self.log_file is not None


def completed(outcome: Outcome, value: Any, ways: Ways) -> Outcome:
    """The outcome of a run whose flow returned; the result is on its way then.

    Args:
        outcome: that it completed, and what else the record says.
        value: what the flow returned.
        ways: where it can go.
    """
    typed = replace(outcome, result_type=type(value).__qualname__)
    try:
        document = ResultDocument.of(value)
    except PayloadError as error:
        if ways.results_url:
            return _lost(outcome, error)
        return replace(typed, left=error.message, hint=NO_DATA_HINT)
    if not document.not_data:
        whole = replace(outcome, result=document.data, has_result=True)
        if whole.carries_result(ways.record_limit):
            return whole
    content = document.content()
    typed = replace(typed, left=document.not_data)
    if ways.results_url:
        from flowenv.results.stored import store_result

        try:
            stored = store_result(ways.results_url, outcome.run_id, content)
        except FlowenvError as error:
            # it could be when the run began; the log may take what is lost else
            if not ways.in_log or to_log(outcome.run_id, content, ways.log_file):
                return _lost(outcome, error)
            _log.warning("%s The result is in the log.", error)
            return replace(typed, logged=digest(content))
        return replace(typed, stored=stored)
    if not ways.in_log:
        size = f"it has {len(content):,} bytes, and the record room for {ways.record_limit:,}"
        left = f"{document.not_data}, which is no data" if document.not_data else size
        return replace(typed, left=left)
    if left := to_log(outcome.run_id, content, ways.log_file):
        return replace(typed, left=left)
    return replace(typed, logged=digest(content))


def to_log(run_id: str, content: bytes, file: Path | None) -> str:
    """Write a document to the log.

    Args:
        run_id: the run.
        content: the document.
        file: a file that takes the place of the log.

    Returns:
        Why it isn't there; empty if it is.
    """
    lines = lines_of(run_id, content)
    if lines is None:
        return (
            f"it has {len(content):,} bytes, and what travels without results_url has "
            f"{LARGEST:,} at most, compressed"
        )
    try:
        if file:
            with file.open("a") as log:
                log.writelines(f"{line}\n" for line in lines)
        else:
            sys.stdout.flush()
            write_lines(lines)
    except (OSError, ValueError) as error:  # the flow has closed it
        return f"the log can't be written to ({error})"
    return ""


def _lost(outcome: Outcome, error: FlowenvError) -> Outcome:
    message = f"The flow returned, but its result was lost: {error}"
    kind = type(error).__name__
    return replace(outcome, state=State.FAILED, error_class=kind, message=message)
