"""The runs of a batch that an earlier call submitted, and which of them count for which row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flowenv.answers.summaries import RunSummary
from flowenv.batches.rows import ROW, Row, is_tried_again
from flowenv.environments.environment import Environment
from flowenv.states import State
from flowenv.submission.remembering import journal_here
from flowenv.wording import shown


@dataclass(frozen=True)
class Earlier:
    """A run of a row.

    Args:
        run: the run, as the platform describes it.
        is_own: whether this machine's journal knows that this user has submitted it. Labels can
            be copied by whoever may write on the platform.
    """

    run: RunSummary
    is_own: bool

    @property
    def submitter(self) -> str:
        """Who its marks say has submitted it."""
        return self.run.submitter


def submitted_here(environment: Environment) -> Mapping[str, str]:
    """The references of the runs that this user submitted from this machine, by their ids.

    Args:
        environment: where they run.
    """
    journal = journal_here()
    return journal.references(environment) if journal else {}


def newest_by_row(
    runs: Iterable[RunSummary], own: Mapping[str, str] | None = None
) -> dict[str, Earlier]:
    """The newest run of each row, by the row's fingerprint.

    One of this machine's own that goes on or has completed isn't replaced by one that may be
    anybody's.

    Args:
        runs: the batch's runs, newest first.
        own: the references of this machine's own runs, by their ids.
    """
    found: dict[str, Earlier] = {}
    for run in runs:
        one = Earlier(run, is_own=(own or {}).get(run.run_id) == run.reference)
        counts = one.is_own and (
            run.status.state is State.COMPLETED or not run.status.state.is_final
        )
        for label in run.labels:
            if label.startswith(ROW):
                row = label.removeprefix(ROW)
                if row not in found or (counts and not found[row].is_own):
                    found[row] = one
    return found


def picked_up(
    rows: Sequence[Row], earlier: Mapping[str, Earlier], *, again: bool, only_failed: bool
) -> list[Row]:
    """The rows of a batch, those with the runs that they have already.

    Args:
        rows: all rows; with `only_failed` those that have no run are left out.
        earlier: their runs.
        again: whether all that are over are run once more.
        only_failed: whether all that didn't complete are.
    """
    kept = []
    for row in rows:
        found = earlier.get(row.fingerprint)
        if found is None:
            if not only_failed:
                kept.append(row)
            continue
        status = found.run.status
        goes_on = not status.state.is_final
        if goes_on or not is_tried_again(status, again=again, only_failed=only_failed):
            row.take_up(found.run, is_own=found.is_own)
        kept.append(row)
    return kept


def of_others(rows: Iterable[Row | Earlier]) -> str:
    """What there is to say of runs that this machine doesn't know of; empty without any."""
    found = [row for row in rows if not row.is_own]
    if not found:
        return ""
    names = sorted({shown(row.submitter) or "nobody" for row in found})
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return (
        f"{len(found)} of the runs that were found weren't submitted from here, as far as this "
        f"machine remembers. Their marks, which can be copied, name {', '.join(names[:3])}{more}."
    )
