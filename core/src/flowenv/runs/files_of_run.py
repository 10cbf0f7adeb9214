"""Where the files of a run are that is over, and reading them from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from flowenv.errors import PlatformError, ResultUnavailable
from flowenv.results.document import digest
from flowenv.results.object_urls import Kept, object_url, results_url
from flowenv.results.output_files import LARGEST, OutputFiles, decompressed, files_in, unpacked
from flowenv.results.record.outcome import Outcome
from flowenv.states import Status

if TYPE_CHECKING:
    from flowenv.environments.environment import Environment


class RunThatIsOver(Protocol):
    """A run, as far as its files go."""

    id: str
    environment: Environment
    output: Path | None


@dataclass(frozen=True)
class LeftFiles:
    """That a run has left files.

    Args:
        where: the folder, where it ran in this process; else `log` or `results_url`; empty if they
            stayed behind.
        problem: why they did.
    """

    where: str
    problem: str = ""

    def to_json(self) -> dict[str, str | None]:
        """As plain data."""
        return {"where": self.where or None, "problem": self.problem}


def left_files(run: RunThatIsOver, outcome: Outcome | None) -> LeftFiles | None:
    """Whether a run has left files, without reading them; None if it has none.

    Args:
        run: the run.
        outcome: its record.
    """
    if run.output is not None:
        return LeftFiles(str(run.output)) if files_in(run.output) else None
    if outcome is None:
        return None
    if outcome.files_left:
        return LeftFiles("", outcome.files_left)
    if outcome.files_logged:
        return LeftFiles("log")
    return LeftFiles("results_url") if outcome.files_stored else None


def files_of_run(
    run: RunThatIsOver,
    status: Status,
    outcome: Outcome | None,
    logged: Callable[[str, str], bytes] | None = None,
) -> OutputFiles:
    """The files that a run left.

    Args:
        run: the run.
        status: how it ended.
        outcome: its record.
        logged: gives the document with this SHA-256 that the run's log carries; and what it is.

    Raises:
        ResultUnavailable: if they stayed behind.
        PlatformError: if they can't be read.
    """
    if run.output is not None:  # it ran in this process
        return files_in(run.output)
    what = f"The files of the run {run.id}"
    if outcome is None or outcome.was_stopped:
        raise ResultUnavailable(f"{what} stayed behind: it is {status.state.value}.")
    if outcome.files_left:
        raise ResultUnavailable(
            f"{what} stayed behind: {outcome.files_left}.",
            hint="Set results_url in the configuration, leave less in the output folder, or have "
            "the flow store them.",
        )
    if outcome.files_logged:
        if logged is None:
            raise ResultUnavailable(f"{what} are in its log, which can't be read here.")
        return unpacked(logged(outcome.files_logged, "files"))
    if outcome.files_stored:
        return unpacked(_stored(run, outcome.files_stored, what))
    return OutputFiles({}, lambda name: b"")


def _stored(run: RunThatIsOver, sha256: str, what: str) -> bytes:
    from flowenv.serialization import storage

    base = results_url(run.environment)
    if not base:
        raise ResultUnavailable(
            f"{what} are stored, and results_url, which says where, isn't set here.",
            hint="Set it as it was where the run was submitted.",
        )
    place = object_url(base, run.id, Kept.FILES)
    content = storage.read(place, LARGEST)
    if digest(content) != sha256:
        raise PlatformError(
            f"{place} isn't what the run {run.id} has stored: its SHA-256 is another.",
            hint="Somebody has written there since, or results_url here is another than there.",
        )
    return decompressed(content)
