"""What a backend gives for a submitted run: a handle on the place where it runs."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from flowenv.errors import PluginError
from flowenv.outcome import Outcome
from flowenv.states import Status

_METHODS = ("reference", "status", "follow", "logs", "outcome", "cancel")


@runtime_checkable
class Handle(Protocol):
    """A handle on one run. Backends implement it; `FlowRun` is what users see.

    All methods may be called from several threads. They raise `PlatformError` and its
    kind, never a vendor's exception.
    """

    @property
    def reference(self) -> str:
        """What `flowenv_attach` needs to find the run again, from any machine."""

    def status(self) -> Status:
        """What is known of the run now, after one look."""

    def follow(self, timeout: float | None = None) -> Iterator[Status]:
        """The current status, then each change, up to and with the final one.

        Args:
            timeout: seconds after which to stop without a final status; None for never.
        """

    def logs(self, *, follow: bool = False) -> Iterator[str]:
        """The lines of the flow's log, without line ends, each once.

        Args:
            follow: wait for more until the run is over.
        """

    def outcome(self) -> Outcome | None:
        """The record of how the flow ended, if the run is over and there is one."""

    def cancel(self) -> None:
        """Stop the run, and return when the platform shows that it has stopped."""


def check_handle(given: object, backend: str) -> None:
    """Check what a backend's `flowenv_execute` gave.

    Raises:
        PluginError: if it is no handle; it names what is missing.
    """
    if missing := [name for name in _METHODS if not hasattr(given, name)]:
        raise PluginError(
            f"The backend {backend} can't execute runs: its flowenv_execute gives "
            f"{type(given).__name__}, which has no {', '.join(missing)}.",
            hint="It returns a handle on the submitted run.",
        )


def poll(
    look: Callable[[], Status], timeout: float | None = None, *, interval: float = 1.0
) -> Iterator[Status]:
    """`Handle.follow` for a platform that can only be asked: look again and again.

    Args:
        look: one look, such as the handle's own `status`.
        timeout: seconds after which to stop without a final status; None for never.
        interval: seconds between two looks.

    >>> from flowenv import State
    >>> answers = iter([State.RUNNING, State.RUNNING, State.COMPLETED])
    >>> [status.state.value for status in poll(lambda: Status(next(answers)), interval=0.0)]
    ['Running', 'Completed']
    """
    end = None if timeout is None else time.monotonic() + timeout
    last = None
    while True:
        status = look()
        if status != last:
            yield status
            last = status
        left = interval if end is None else min(interval, end - time.monotonic())
        if status.state.is_final or left < 0:
            return
        time.sleep(left)


@dataclass(frozen=True)
class RunSummary:
    """One run as the platform's own objects describe it.

    Args:
        reference: what `flowenv attach` takes.
        run_id: the run.
        flow: the flow's name.
        status: what is known of it.
        created: when it was submitted.
        labels: its flowenv labels.
    """

    reference: str
    run_id: str
    flow: str
    status: Status
    created: datetime.datetime | None = None
    labels: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The summary as plain data."""
        return {
            "reference": self.reference,
            "run_id": self.run_id,
            "flow": self.flow,
            "created": self.created.isoformat() if self.created else None,
            "labels": list(self.labels),
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
    """

    kind: str
    name: str
    run_id: str = ""
    age: float | None = None
    removed: bool = False
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """The leftover as plain data."""
        return {
            "kind": self.kind,
            "name": self.name,
            "run_id": self.run_id,
            "age_seconds": None if self.age is None else round(self.age),
            "removed": self.removed,
            "problem": self.problem,
        }


@dataclass(frozen=True)
class Finding:
    """One line of what `flowenv doctor` found.

    Args:
        subject: what was looked at: `namespace`, `permission to create jobs`.
        ok: whether it is as it should be; None for a warning.
        message: what was found.
        hint: what to do about it.
    """

    subject: str
    ok: bool | None
    message: str
    hint: str = ""

    def to_json(self) -> dict[str, Any]:
        """The finding as plain data."""
        level = {True: "ok", False: "error", None: "warning"}[self.ok]
        return {
            "subject": self.subject,
            "level": level,
            "message": self.message,
            "hint": self.hint,
        }
