"""What a platform's objects say of the run that made them, and how old they are.

Where the marks stand, in tags, labels or a file, is each platform's own affair.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowenv.answers.handle import Handle
from flowenv.environments.environment import Environment
from flowenv.runs.flow_run import FlowRun
from flowenv.states import Status

if TYPE_CHECKING:
    from flowenv.answers.summaries import RunSummary


@dataclass(frozen=True)
class Marks:
    """What an object says of its run: all that another process needs to find it.

    Args:
        run_id: the run.
        flow: the flow's name.
        labels: its flowenv labels.
        created: when the run was made, if the object says so.
        parameters: its parameters as texts, shortened and without secrets.
        submitter: who submitted it; empty if the object doesn't say.

    >>> marks = Marks.from_json({"run_id": "6f1c", "flow": "train", "labels": ["nightly"]})
    >>> marks.flow, marks.labels, marks.created
    ('train', ('nightly',), None)
    """

    run_id: str
    flow: str
    labels: tuple[str, ...] = ()
    created: datetime.datetime | None = None
    parameters: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    submitter: str = field(default="", kw_only=True)

    @staticmethod
    def of_run(flow_run: FlowRun) -> Marks:
        """The marks of a run that is about to be submitted."""
        return Marks(
            flow_run.id,
            flow_run.flow_name,
            flow_run.labels,
            flow_run.created,
            parameters=flow_run.shown_parameters,
            submitter=flow_run.submitter,
        )

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Marks:
        """Marks from what `to_json` gave."""
        labels = tuple(data.get("labels") or ())
        return Marks(
            data["run_id"],
            data["flow"],
            labels,
            moment(data.get("created")),
            parameters=texts_by_name(data.get("parameters")),
            submitter=str(data.get("submitter") or ""),
        )

    def to_json(self) -> dict[str, Any]:
        """The marks as plain data."""
        return {
            "run_id": self.run_id,
            "flow": self.flow,
            "labels": list(self.labels),
            "created": self.created.isoformat() if self.created else None,
            "parameters": dict(self.parameters),
            "submitter": self.submitter or None,
        }

    def attached(self, environment: Environment, handle: Handle) -> FlowRun:
        """The run, for `flowenv_attach`.

        Args:
            environment: where it runs.
            handle: a handle on it.
        """
        run = FlowRun(
            environment,
            id=self.run_id,
            flow_name=self.flow,
            parameters=self.parameters,
            labels=self.labels,
            created=self.created,
            submitter=self.submitter,
            shown_parameters=self.parameters,
        )
        run.handle = handle
        return run

    def summary(
        self,
        reference: str,
        status: Status,
        started: datetime.datetime | None = None,
        ended: datetime.datetime | None = None,
    ) -> RunSummary:
        """The run, for `flowenv_find_runs`.

        Args:
            reference: what `flowenv attach` takes.
            status: what is known of it.
            started: when its container started, if the platform says so.
            ended: when it ended; left out of a run that isn't over.
        """
        from flowenv.answers.summaries import RunSummary

        return RunSummary(
            reference,
            self.run_id,
            self.flow,
            status,
            self.created,
            self.labels,
            parameters=self.parameters,
            submitter=self.submitter,
            started=started,
            ended=ended if status.state.is_final else None,
        )


_MOST_TEXTS, _LONGEST_TEXT = 100, 1000


def texts_by_name(data: object) -> dict[str, str]:
    """Texts by name from what somebody has written on an object; nothing if it is none.

    >>> texts_by_name({"n": "5", "m": 7}), texts_by_name("n")
    ({'n': '5'}, {})
    """
    if not isinstance(data, Mapping):
        return {}
    texts = ((n, t) for n, t in data.items() if isinstance(n, str) and isinstance(t, str))
    return {n[:_LONGEST_TEXT]: t[:_LONGEST_TEXT] for n, t in itertools.islice(texts, _MOST_TEXTS)}


def moment(text: str | None) -> datetime.datetime | None:
    """A moment as a mark has it, in UTC where it names no zone; None if it is none in UTC.

    >>> moment("2026-11-22T18:00:00Z"), moment("yesterday")
    (datetime.datetime(2026, 11, 22, 18, 0, tzinfo=datetime.timezone.utc), None)
    """
    try:
        found = datetime.datetime.fromisoformat(text) if text else None
        if found is None or found.tzinfo is None:
            return found and found.replace(tzinfo=datetime.UTC)
        found.astimezone(datetime.UTC)  # as all who show it do
    except (ValueError, OverflowError):
        return None
    return found


def seconds_since(then: datetime.datetime | None) -> float:
    """How long ago a moment was; 0 if it isn't known, or by the platform's clock still to come."""
    if then is None:
        return 0.0
    return max((datetime.datetime.now(datetime.UTC) - then).total_seconds(), 0.0)
