"""The rows of a batch: what each is run with, by what it is known again, and its run."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flowenv.answers.summaries import RunSummary
from flowenv.batches.row_faults import RowFaults
from flowenv.environments.environment import Environment
from flowenv.errors import ParameterError
from flowenv.flows.definition import Flow
from flowenv.flows.parameters.checking import checked, without_nulls
from flowenv.known_runs.attaching import attach
from flowenv.payload.packing import Packing
from flowenv.runs.flow_run import FlowRun
from flowenv.serialization.encoding import Encoder
from flowenv.serialization.plain_data import to_json_bytes
from flowenv.states import State, Status
from flowenv.submission.prepared import Prepared
from flowenv.submission.preparing import Preparation

BATCH, ROW = "batch=", "row="
"""What the labels begin with by which a batch and its rows are known again."""


class Row:
    """One row of a batch, and its run.

    Args:
        number: its place in the batch, from 1.
        prepared: its run, which isn't submitted yet.
        fingerprint: what its parameters are known by.

    Attributes:
        draft: the run that is submitted for it, unless an earlier one is taken up.
        parameters: its parameters.
        is_own: False if its run was found on the platform, and this machine knows nothing of having
            submitted it.
    """

    def __init__(self, number: int, prepared: Prepared, fingerprint: str) -> None:
        self.number = number
        self.draft = prepared.flow_run
        self._prepared: Prepared | None = prepared
        self.fingerprint = fingerprint
        self.parameters: Mapping[str, Any] = self.draft.parameters
        self.is_own = True
        self._found: RunSummary | None = None
        self._run: FlowRun | None = None

    def __repr__(self) -> str:
        return f"Row({self.number}, {self.last_status.state.value})"

    @property
    def is_submitted(self) -> bool:
        """True once it has a run on the platform, or has had one."""
        return self._run is not None or self._found is not None

    @property
    def reference(self) -> str | None:
        """What `flowenv attach` takes; None before it is submitted."""
        if self._run is not None:
            return self._run.reference if self._run.handle else None
        return self._found.reference if self._found else None

    @property
    def run(self) -> FlowRun:
        """The row's run. One that an earlier call submitted is attached to when it is asked for.

        Raises:
            FlowenvError: if the platform can't be asked, or no longer knows the run.
        """
        if self._run is None and self._found is not None:
            self._run = attach(self._found.reference, self.draft.environment)
            self._run.look_after()  # who submitted it may have been killed
        return self._run or self.draft

    @property
    def last_status(self) -> Status:
        """How its run stands, as far as this process has seen; nobody is asked."""
        status = (self._run or self.draft).last_status
        if self._found is not None and status.state is State.PENDING:
            return self._found.status  # nothing newer is known of it
        return status

    def look(self) -> Status:
        """How its run stands now."""
        return self.last_status if self.last_status.state.is_final else self.run.status

    @property
    def submitter(self) -> str:
        """Who submitted its run, as the run's mark says."""
        return self._found.submitter if self._found else self.draft.submitter

    def take_up(self, found: RunSummary, *, is_own: bool) -> None:
        """Take a run that is on the platform already for the row's.

        Args:
            found: the run.
            is_own: whether this machine knows of having submitted it.
        """
        self._found, self._prepared, self.is_own = found, None, is_own

    @property
    def prepared(self) -> Prepared:
        """Its run as it is prepared; only before it is submitted."""
        assert self._prepared is not None
        return self._prepared

    def submit(self) -> None:
        """Submit the row's run; its payload isn't kept."""
        self._run, self._prepared = self.prepared.submit(), None

    def begun(self) -> Prepared:
        """The row's run as it is prepared, which goes its own way from here on."""
        prepared, self._run, self._prepared = self.prepared, self.draft, None
        return prepared

    def to_json(self) -> dict[str, Any]:
        """The row as plain data: its number, parameters as texts, and how its run stands."""
        return {
            "row": self.number,
            "parameters": self.draft.shown_parameters,
            "reference": self.reference,
            "submitted_here": self.is_own,
            "submitter": self.submitter or None,
            **self.last_status.to_json(),
        }


def prepare_rows(
    flow: Flow[..., Any],
    rows: Iterable[Mapping[str, Any]],
    common: Mapping[str, Any],
    environment: Environment,
    labels: Sequence[str],
    name: str,
    variables: Mapping[str, Any] | None = None,
) -> list[Row]:
    """Check all rows, and prepare a run of each; nothing is sent.

    Raises:
        ParameterError: naming the row that is wrong.
    """
    parameters = checked_rows(flow, _listed(rows), common)
    found, seen = [], Counter[str]()
    packing = Packing(flow) if len(parameters) > 1 else None
    preparation = Preparation(flow, environment, variables or {}, packing)
    for number, row in enumerate(parameters, 1):
        fingerprint = fingerprint_of(flow.name, row)
        seen[fingerprint] += 1
        if seen[fingerprint] > 1:  # the same row once more is another run
            fingerprint += f"-{seen[fingerprint]}"
        marks = [f"{BATCH}{name}", f"{ROW}{fingerprint}"]
        found.append(Row(number, preparation.run(row, [*labels, *marks]), fingerprint))
    return found


def checked_rows(
    flow: Flow[..., Any], rows: Iterable[Mapping[str, Any]], common: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The parameters of each row as the flow's annotations have them.

    Args:
        flow: the flow.
        rows: the parameters of each row by name; an empty value that a parameter with a default
            doesn't take is left out.
        common: parameters that all rows have besides.

    Raises:
        ParameterError: naming the rows that are wrong.
    """
    common, wrong = checked(flow, common, all_of_them=False)
    for fault in wrong:
        raise ParameterError(f"The parameters for all rows: {fault.message}", hint=fault.hint)
    found, faults = [], RowFaults()
    for number, row in enumerate(rows, 1):
        parameters, wrong = checked(flow, _joined(flow, row, common, number))
        for fault in wrong:
            faults.add_of_row(f"Row {number}", fault)
        found.append(parameters)
    faults.raise_any()
    return found


def _listed(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    if hasattr(rows, "to_dict"):  # a data frame's own rows are its columns' names
        raise ParameterError(
            f"The rows are a {type(rows).__name__}, not dictionaries.",
            hint='pandas writes them with frame.to_dict("records").',
        )
    if isinstance(rows, Mapping | str) or not isinstance(rows, Iterable):
        raise ParameterError(
            f"The rows are {type(rows).__name__}, not several dictionaries.",
            hint="Write a list, such as [{'day': '2026-01-31'}].",
        )
    return list(rows)


def _joined(
    flow: Flow[..., Any], row: Mapping[str, Any], common: Mapping[str, Any], number: int
) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise ParameterError(
            f"Row {number} is {type(row).__name__}, not parameters by name.",
            hint="A row is a dictionary such as {'day': '2026-01-31'}.",
        )
    if twice := row.keys() & common.keys():
        raise ParameterError(
            f"Row {number} and the parameters for all rows both have {min(twice)}."
        )
    return {**common, **without_nulls(flow, row)}


def fingerprint_of(flow_name: str, parameters: Mapping[str, Any]) -> str:
    """What a row is known by: the same flow and parameters always have the same one.

    >>> fingerprint_of("train", {"a": 1, "b": 2}) == fingerprint_of("train", {"b": 2, "a": 1})
    True
    """
    encoder = Encoder()
    data = [[name, encoder.encode(parameters[name], name)] for name in sorted(parameters)]
    return hashlib.sha256(to_json_bytes([flow_name, data])).hexdigest()[:16]


def is_tried_again(status: Status, *, again: bool, only_failed: bool) -> bool:
    """Whether a row's run that is over is made once more.

    Args:
        status: how it ended.
        again: all are.
        only_failed: all that didn't complete are.
    """
    if again:
        return True
    if status.state is State.COMPLETED:
        return False
    return only_failed or (status.state is State.CRASHED and status.can_retry)
