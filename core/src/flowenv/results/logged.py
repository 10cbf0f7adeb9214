"""Reading a result from the log of a run that is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, runtime_checkable

from flowenv.errors import FlowenvError, ResultUnavailable
from flowenv.results.lines import content_in

PAUSES = (0.0, 0.5, 1.0, 2.0)
"""Seconds before each look at the log: its last lines may come late."""


@runtime_checkable
class KeepsResultLines(Protocol):
    """A handle that has a shorter way to a result than the whole log."""

    def result_lines(self, sha256: str) -> Iterable[str]:
        """Lines of the log, in their order, that hold those of a document.

        Args:
            sha256: the document's digest.
        """


def read_logged(
    read: Callable[[], Iterable[str]],
    run_id: str,
    sha256: str,
    seen: Sequence[str],
    what: str = "result",
) -> bytes:
    """The document that a run's log carries.

    Args:
        read: gives the lines of the log.
        run_id: the run.
        sha256: the document's digest.
        seen: lines that were seen already.
        what: what the document is, for errors.

    Raises:
        ResultUnavailable: if it isn't whole there, or the log can't be read.
    """
    if (content := content_in(seen, run_id, sha256)) is not None:
        return content
    why = "The log doesn't hold all of it any more."
    for pause in PAUSES:
        time.sleep(pause)
        try:
            content = content_in(read(), run_id, sha256)
        except FlowenvError as error:
            why = error.message
            break
        if content is not None:
            return content
    raise ResultUnavailable(
        f"The {what} of the run {run_id} should be in its log, and can't be had from there. {why}",
        hint="Set results_url in the configuration for results that outlive their log.",
    )
