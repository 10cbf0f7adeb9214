"""`flowenv.map`: a run of a flow for each of many sets of parameters."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from flowenv.batches.batch import Batch
from flowenv.batches.earlier_runs import newest_by_row, of_others, picked_up, submitted_here
from flowenv.batches.rows import BATCH, prepare_rows
from flowenv.environments.environment import Environment
from flowenv.environments.labels import Labels
from flowenv.errors import RunNotFound, SettingError
from flowenv.flows.definition import Flow
from flowenv.known_runs.finding import find_runs
from flowenv.settings.declaration import check_type
from flowenv.submission.lifecycle import all_parameters, as_flow
from flowenv.submission.preparing import environment_of
from flowenv.wording import shown

_log = logging.getLogger("flowenv")

_OWN = (
    *("environment", "parameters", "labels", "variables", "at_once", "name", "again"),
    "only_failed",
)
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,38}[A-Za-z0-9])?")


def map(
    flow: Flow[..., Any] | Callable[..., Any],
    rows: Iterable[Mapping[str, Any]],
    *,
    environment: Environment | str | None = None,
    parameters: Mapping[str, Any] | None = None,
    labels: Sequence[str] = (),
    variables: Mapping[str, Any] | None = None,
    at_once: int | None = None,
    name: str | None = None,
    again: bool = False,
    only_failed: bool = False,
    **given: Any,
) -> Batch:
    """Run a flow once for each row of parameters.

    All rows are checked before the first run is submitted. Called again with the same name, from
    any machine, it picks up what runs, leaves what has completed as it is, and submits what is
    missing or crashed for a reason that trying again can help. A warning says which of these runs
    this machine hasn't submitted itself.

    Args:
        flow: a flow, or any callable.
        rows: the parameters of each run by name.
        environment: where to run them, as for `flowenv.submit`.
        parameters: parameters that all runs have.
        labels: labels of all runs, besides the environment's.
        variables: environment variables for all runs, as `flowenv.submit` takes them.
        at_once: how many runs there are at a time at most; the next ones are submitted while
            somebody iterates, waits or asks for results. By default all, and in the local process
            one, here; more of them run in processes of their own.
        name: what the batch is known by; by default a new one.
        again: True to run all rows once more that are over.
        only_failed: True to run only rows once more that have run and didn't complete; of the
            others those that have a run are shown, and those that have none are left out.
        **given: parameters that all runs have, too.

    Returns:
        The batch: iterate over it, `wait`, `results`, `cancel`, `counts`, `table`.

    Raises:
        ParameterError: naming the row that is wrong; nothing is submitted.
        SettingError: if another argument is wrong.
        RunNotFound: with `only_failed`, if the platform has no run of the batch.
        UnsupportedOperation: with `only_failed`, if the backend can't list its runs.
        FlowenvError: if the platform refuses a run; those that it has taken go on.

    >>> import flowenv
    >>> batch = flowenv.map(dict, [{"day": 1}, {"day": 2}], size=3)
    >>> batch.results()
    [{'size': 3, 'day': 1}, {'size': 3, 'day': 2}]
    """
    flow = as_flow(flow)
    batch = make_batch(
        flow,
        rows,
        environment=environment,
        parameters=all_parameters(flow, given, parameters, _OWN),
        labels=labels,
        variables=variables,
        at_once=at_once,
        name=name,
        again=again,
        only_failed=only_failed,
    )
    if words := of_others(batch.rows):
        _log.warning("%s", words)
    batch.start()
    return batch


def make_batch(
    flow: Flow[..., Any] | Callable[..., Any],
    rows: Iterable[Mapping[str, Any]],
    *,
    environment: Environment | str | None,
    parameters: Mapping[str, Any] | None,
    labels: Sequence[str],
    variables: Mapping[str, Any] | None,
    at_once: int | None,
    name: str | None,
    again: bool,
    only_failed: bool,
) -> Batch:
    """A batch whose rows are checked and whose earlier runs are found; nothing is submitted.

    The arguments are those of `map`.
    """
    flow = as_flow(flow)
    check_type(at_once, int | None, "at_once")
    check_type(name, str | None, "name")
    Labels.of(labels, "labels")
    if at_once is not None and at_once < 1:
        raise SettingError(f"at_once must be at least 1, not {at_once}.")
    if again and only_failed:
        raise SettingError("again and only_failed exclude each other.")
    chosen = environment_of(flow, environment)
    called = f"{label_part(flow.name)}-{secrets.token_hex(4)}" if name is None else name
    if not _NAME.fullmatch(called):
        raise SettingError(
            f"A batch can't be called {called!r}.",
            hint="Up to 40 letters, digits, '.', '_' and '-'; a letter or digit first and last.",
        )
    if only_failed and not name:
        raise SettingError("only_failed needs the name of a batch that has run.")
    prepared = prepare_rows(flow, rows, parameters or {}, chosen, labels, called, variables)
    if only_failed or (name and chosen.capabilities.find):
        # what can't list its runs says so: without them nobody knows which have failed
        found = find_runs(chosen, labels=[f"{BATCH}{called}"])
        earlier = newest_by_row(found, submitted_here(chosen))
        if only_failed and not earlier:
            hint = _others_there(flow.name, chosen)
            raise RunNotFound(f"The platform has no run of the batch {called}.", hint=hint)
        prepared = picked_up(prepared, earlier, again=again, only_failed=only_failed)
    return Batch(called, prepared, at_once)


def _others_there(flow: str, environment: Environment) -> str:
    """Which batches of a flow a platform knows, to name the one that was meant."""
    runs = (run for run in find_runs(environment) if run.flow == flow)
    labels = (label for run in runs for label in run.labels if label.startswith(BATCH))
    names = [shown(one.removeprefix(BATCH), lines=False) for one in dict.fromkeys(labels)]
    if not names:
        return f"It has no batch of the flow {flow}."
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (
        f"Of the flow {flow} it has the batches {', '.join(names[:5])}{more}: name the one that is "
        "meant, with --batch or name=."
    )


def label_part(text: str) -> str:
    """A text made fit to be a part of a batch's name.

    >>> label_part("Ma réport")
    'Ma-r-port'
    """
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:24] or "batch"
