"""What is left of runs that are over: whose it is, and removing what is asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from flowenv.answers.checked import many
from flowenv.answers.summaries import Leftover
from flowenv.environments.environment import Environment
from flowenv.errors import UnsupportedOperation
from flowenv.registry.registry import registry
from flowenv.runs.submitter import submitter
from flowenv.submission.remembering import journal_here


@dataclass(frozen=True)
class Swept:
    """What a sweep has found.

    Args:
        found: what was asked for, removed if that was said.
        of_others: what was left alone because somebody else has submitted its run.
    """

    found: list[Leftover]
    of_others: list[Leftover]


def sweep(
    environment: Environment,
    older_than: float,
    *,
    delete: bool = False,
    labels: Sequence[str] = (),
    mine: bool = False,
    everyone: bool = False,
) -> Swept:
    """Find, and remove if told to, what is left on a platform of runs that are over.

    Args:
        environment: where to look; its backend can sweep.
        older_than: seconds; younger things are left alone.
        delete: True to remove what is found.
        labels: only of runs that have all of them.
        mine: only of runs that this user submitted from this machine; else also that of which
            nobody knows whose it is.
        everyone: also of runs of others.

    Raises:
        UnsupportedOperation: if something of others is to be left alone, and the backend can only
            remove all.
    """
    hooks = registry().hooks(environment.backend)

    def ask(delete: bool) -> list[Leftover]:
        given = {"environment": environment, "older_than": older_than, "delete": delete}
        answer = hooks.claimed("sweep", "flowenv_sweep", **given)
        return list(many(answer, Leftover, hooks.owner, "flowenv_sweep"))

    left, me = _with_submitters(ask(False)), submitter()
    labelled = [one for one in left if set(labels) <= set(one.labels)]
    own = [one for one in labelled if one.submitter == me or not (mine or one.submitter)]
    wanted = labelled if everyone else own
    of_others = [one for one in labelled if one not in wanted and one.submitter not in ("", me)]
    if not delete:
        return Swept(wanted, of_others)
    if all(one.removal for one in wanted):
        found = [one.swept(one.removal) if one.removal else one for one in wanted]
        return Swept(found, of_others)
    if len(wanted) < len(left):
        raise UnsupportedOperation(
            f"{hooks.owner} can only remove all that is left, and not all of it is asked for.",
            hint="--everyone removes all, whoever has submitted it.",
        )
    return Swept(ask(True), of_others)


def _with_submitters(left: Sequence[Leftover]) -> list[Leftover]:
    """Things that don't say whose they are, told from others of the same run, or by the journal."""
    known, journal = {one.run_id: one for one in left if one.submitter}, journal_here()

    def completed(one: Leftover) -> Leftover:
        if one.submitter or not one.run_id:
            return one
        if other := known.get(one.run_id):
            whose, labels = other.submitter, other.labels
        elif journal and (found := journal.named(one.run_id)):
            whose, labels = found.summary.submitter, found.summary.labels
        else:
            return one
        return dataclasses.replace(one, submitter=whose, labels=one.labels or labels)

    return [completed(one) for one in left]
