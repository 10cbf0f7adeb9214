"""What a backend says of what is on its platform: runs, leftovers, and what `doctor` finds."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowenv.errors import FlowenvError
from flowenv.states import Status


@dataclass(frozen=True)
class RunSummary:
    """One run as the platform's own objects describe it.

    Args:
        reference: what `flowenv attach` takes.
        run_id: the run.
        flow: the flow's name.
        status: what is known of it.
        created: when it was submitted, with a time zone.
        labels: its flowenv labels.
        parameters: its parameters as texts, shortened and without secrets.
        submitter: who submitted it, as `user@host`; empty if that isn't known.
        started: when its container started, with a time zone.
        ended: when it ended, with a time zone.
        seen: when this machine last heard of it, if the platform has forgotten the run.

    >>> from flowenv.plugin import State, Status
    >>> RunSummary("jobs/train-6f1c", "6f1c", "train", Status(State.RUNNING)).status.state.value
    'Running'
    """

    reference: str
    run_id: str
    flow: str
    status: Status
    created: datetime.datetime | None = None
    labels: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    submitter: str = ""
    started: datetime.datetime | None = None
    ended: datetime.datetime | None = None
    seen: datetime.datetime | None = None

    def seconds(self, now: datetime.datetime | None = None) -> float | None:
        """How long it ran, or has been running by now; None if that isn't known.

        Args:
            now: the moment; by default this one.
        """
        if self.started is None:
            return None
        end = self.ended
        if end is None:
            if self.status.state.is_final or self.seen:
                return None
            end = now or datetime.datetime.now(datetime.UTC)
        return max((end - self.started).total_seconds(), 0.0)

    def to_json(self) -> dict[str, Any]:
        """The summary as plain data."""
        seconds = self.seconds()
        return {
            "reference": self.reference,
            "run_id": self.run_id,
            "flow": self.flow,
            "created": self.created.isoformat() if self.created else None,
            "started": self.started.isoformat() if self.started else None,
            "ended": self.ended.isoformat() if self.ended else None,
            "seconds": None if seconds is None else round(seconds, 1),
            "submitter": self.submitter or None,
            "labels": list(self.labels),
            "parameters": dict(self.parameters),
            "seen": self.seen.isoformat() if self.seen else None,
            **self.status.to_json(),
        }


@dataclass(frozen=True)
class Leftover:
    """Something on the platform that a run made and that nobody needs any more.

    Args:
        kind: the platform's word for it: `Job`, `DaskCluster`, `task definition`.
        name: its name there.
        run_id: the run that made it, if it is known.
        age: seconds since it was made, if it is known.
        removed: True if the sweep removed it.
        problem: why it could not be removed.
        submitter: who submitted the run, if that is known.
        labels: the run's flowenv labels, as far as they are known.
        removal: removes it; what `swept` was given, if it wasn't to be removed yet.

    >>> Leftover("Job", "train-6f1c", "6f1c").swept(lambda: None).removed
    True
    """

    kind: str
    name: str
    run_id: str = ""
    age: float | None = None
    removed: bool = False
    problem: str = ""
    submitter: str = ""
    labels: tuple[str, ...] = ()
    removal: Callable[[], object] | None = field(default=None, repr=False, compare=False)

    def swept(self, remove: Callable[[], object], delete: bool = True) -> Leftover:
        """The leftover as a sweep reports it: removed, or why it couldn't be.

        Args:
            remove: removes it; what flowenv error it raises is the `problem`.
            delete: False to leave it alone, as `flowenv_sweep` was told; `removal` is then what
                removes it, for who looks whose it is first.
        """
        if not delete:
            return dataclasses.replace(self, removal=remove)
        try:
            remove()
        except FlowenvError as error:
            return dataclasses.replace(self, problem=str(error))
        return dataclasses.replace(self, removed=True)

    def to_json(self) -> dict[str, Any]:
        """The leftover as plain data."""
        return {
            "kind": self.kind,
            "name": self.name,
            "run_id": self.run_id,
            "age_seconds": None if self.age is None else round(self.age),
            "removed": self.removed,
            "problem": self.problem,
            "submitter": self.submitter or None,
            "labels": list(self.labels),
        }


@dataclass(frozen=True)
class Finding:
    """One line of what `flowenv doctor` found.

    Args:
        subject: what was looked at: `namespace`, `permission to create jobs`.
        ok: whether it is as it should be; None for a warning.
        message: what was found.
        hint: what to do about it.
        remedy: a document that puts it right once it is applied, such as a Role in YAML.

    >>> Finding("namespace", False, "There is no namespace team-a.", "Create it.").ok
    False
    """

    subject: str
    ok: bool | None
    message: str
    hint: str = ""
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """The finding as plain data."""
        level = {True: "ok", False: "error", None: "warning"}[self.ok]
        return {
            "subject": self.subject,
            "level": level,
            "message": self.message,
            "hint": self.hint,
            "remedy": self.remedy,
        }
