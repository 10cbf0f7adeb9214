"""The runs that a platform knows of, and which of them are asked for."""

from __future__ import annotations

import datetime
import fnmatch
from collections.abc import Iterable, Sequence

from flowenv.answers.checked import many
from flowenv.answers.summaries import RunSummary
from flowenv.environments.environment import Environment
from flowenv.errors import SettingError, UnsupportedOperation
from flowenv.registry.registry import registry
from flowenv.runs.submitter import submitter
from flowenv.settings.declaration import check_type
from flowenv.states import State
from flowenv.submission.named_environments import as_environment
from flowenv.submission.remembering import journal_here


def find_runs(
    environment: Environment | str | None = None,
    *,
    labels: Sequence[str] = (),
    states: Sequence[State | str] = (),
    flow: str | None = None,
    since: datetime.datetime | None = None,
    mine: bool = False,
    forgotten: bool = False,
) -> list[RunSummary]:
    """The runs that a platform knows of, whoever submitted them.

    Args:
        environment: where to look, as `submit` takes it; by default the configured one.
        labels: only runs that have all of them.
        states: only runs in one of these states, such as `["Failed", State.CRASHED]`.
        flow: only runs of this flow; `*` and `?` stand for any characters and one.
        since: only runs that were submitted then or later; with a time zone.
        mine: only those that this user submitted from this machine.
        forgotten: also those of this place that the platform has forgotten, and this machine's
            journal has not, with the moment when they were last `seen`.

    Returns:
        A summary of each, newest first. Its `reference` is what `attach` takes, its `status`
        how the run stands.

    Raises:
        BackendNotFound: if nothing has that name.
        SettingError: if a state is none.
        UnsupportedOperation: if the backend can't; its capability `find` says so.

    >>> import flowenv
    >>> environment = flowenv.make_environment()
    >>> if environment.capabilities.find:
    ...     for run in flowenv.find_runs(environment, labels=["nightly"], states=["Running"]):
    ...         print(run.flow, run.parameters, run.reference)
    """
    environment = as_environment(environment)
    check_type(labels, list[str] | tuple[str, ...], "labels")
    wanted = {state_named(one) for one in states}
    if since is not None and not isinstance(since, datetime.datetime):
        raise SettingError(f"since: {since!r} is no datetime.datetime.")
    if since is not None and since.tzinfo is None:
        since = since.astimezone()
    hooks = registry().hooks(environment.backend)
    if not environment.capabilities.find:
        raise UnsupportedOperation(
            f"The backend {environment.backend} can't list its runs.",
            hint=environment.instead_of_find,
        )
    answer = hooks.claimed("find", "flowenv_find_runs", environment=environment, labels=labels)
    found = list(many(answer, RunSummary, hooks.owner, "flowenv_find_runs"))
    if journal := journal_here():
        journal.note_found(found, environment)
    if forgotten and journal:
        there = {one.run_id for one in found}
        known = (one.summary for one in journal.at(environment))
        found += [
            one for one in known if one.run_id not in there and set(labels) <= set(one.labels)
        ]
    kept = selected(found, states=wanted, flow=flow, since=since, mine=mine)
    return sorted(kept, key=_age)


def selected(
    found: Iterable[RunSummary],
    *,
    states: set[State],
    flow: str | None = None,
    since: datetime.datetime | None = None,
    mine: bool = False,
) -> list[RunSummary]:
    """Those of some runs that are asked for; the arguments are those of `find_runs`."""
    me = submitter() if mine else ""
    return [
        one
        for one in found
        if (not states or one.status.state in states)
        and (flow is None or fnmatch.fnmatchcase(one.flow, flow))
        and (since is None or (one.created is not None and one.created >= since))
        and (not mine or one.submitter == me)
    ]


def state_named(given: State | str) -> State:
    """The state of a name, in capitals or not.

    Raises:
        SettingError: if it is none.
    """
    names = {state.value.lower(): state for state in State}
    if isinstance(given, State):
        return given
    if found := names.get(str(given).lower()):
        return found
    raise SettingError(
        f"{given!r} is no state.", hint=f"There are {', '.join(state.value for state in State)}."
    )


def _age(run: RunSummary) -> float:
    return -run.created.timestamp() if run.created else 0.0
