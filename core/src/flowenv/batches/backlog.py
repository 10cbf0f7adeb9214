"""The runs of a batch on their way: those that wait for their turn, and those that go on."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from flowenv.batches.cancelling import cancel_all
from flowenv.batches.local_processes import LocalProcesses
from flowenv.batches.rows import Row
from flowenv.batches.submitting import submit_all
from flowenv.errors import FlowenvError, PlatformError
from flowenv.remote.outages import Patience
from flowenv.states import Reason, State, Status
from flowenv.submission.remembering import noted_together
from flowenv.wording import counted

_log = logging.getLogger("flowenv")

_AGAIN = 10.0
"""Seconds after which a platform whose quota was used up is asked again."""


class Backlog:
    """Submits the runs of a batch as there is place for them, and looks at those that go on.

    Args:
        name: the batch's name.
        rows: its rows, those that the platform has taken already among them.
        at_once: how many of them may run at a time; None for all.

    Attributes:
        waits: why no more runs are submitted for now; empty if nothing is in the way.
        waiting: the rows whose runs aren't submitted.
        active: those whose runs go on, as far as is known.
        processes: those of runs on this machine, if each has its own.
    """

    def __init__(self, name: str, rows: Sequence[Row], at_once: int | None) -> None:
        self.waits = ""
        self.waiting = [row for row in rows if not row.is_submitted]
        self.active = [
            row for row in rows if row.is_submitted and not row.last_status.state.is_final
        ]
        self.processes: LocalProcesses | None = None
        self._name = name
        self._rows = rows
        self._at_once = at_once
        self._retry_at = 0.0
        self._patience = Patience()
        self._is_said = False

    @property
    def is_here(self) -> bool:
        """True if its flows run in this process, in which nobody else could stop them."""
        return bool(self._rows) and not self._rows[0].draft.environment.capabilities.cancel

    def submit_more(self) -> None:
        """Submit those for whom there is place; in this process run the next one.

        Raises:
            FlowenvError: what the first run met that the platform refused, if it may not pass.
        """
        if not self.is_here:
            self._send_more()
        elif (self._at_once or 1) > 1 and self.waiting:
            self.processes = LocalProcesses(self._at_once or 1)
            for row in self.waiting:
                self.processes.start(row)
            self.active, self.waiting = self.waiting, []
        elif self.waiting:
            self.waiting[0].draft.begins_now()
            self.waiting.pop(0).submit()

    def _send_more(self) -> None:
        room = len(self._rows) if self._at_once is None else self._at_once - len(self.active)
        if not self.waiting or room <= 0 or time.monotonic() < self._retry_at:
            return
        self.waits = ""
        for row in self.waiting[:room]:  # in their order, by which they are listed
            row.draft.begins_now()
        self.waiting[0].prepared.spec  # noqa: B018 - what is wrong with all shows before any
        chosen, problems = self.waiting[:room], list[FlowenvError]()
        try:
            submit_all(chosen, problems)
        finally:
            self.active += [row for row in chosen if row.is_submitted]
            self.waiting = [row for row in self.waiting if not row.is_submitted]
        if any(row.is_submitted for row in chosen):
            self._patience.succeeded()
        self._judge(problems)

    def _judge(self, problems: Sequence[FlowenvError]) -> None:
        sent = len(self._rows) - len(self.waiting)
        self._is_said = self._is_said and bool(problems)
        for error in problems:
            if not self._may_pass(error, sent):
                raise error
        if problems:
            self._retry_at = time.monotonic() + _AGAIN
            self.waits = problems[0].message
            if not self._is_said:
                waiting = counted(len(self.waiting), "run")
                verb = "waits" if len(self.waiting) == 1 else "wait"
                _log.warning("%s %s: %s", waiting, verb, self.waits)
            self._is_said = True

    def _may_pass(self, error: FlowenvError, sent: int) -> bool:
        """Whether the same may succeed later: a quota, or an outage of what has answered before."""
        if isinstance(error, PlatformError) and error.reason is Reason.QUOTA:
            return True
        if not (sent and self._patience.bears(error)):
            return False
        self._patience.failed(error)
        return not self._patience.is_over

    def look(self) -> None:
        """Ask how all stand; a run that is over makes place, so that a quota is tried again."""
        with noted_together() as here, here():
            for row in self.active:
                row.look()
        over = [row for row in self.active if row.last_status.state.is_final]
        if over:
            self._retry_at = 0.0
        self.active = [row for row in self.active if not row.last_status.state.is_final]
        self._heed(over)

    def _heed(self, over: Sequence[Row]) -> None:
        """Submit nothing more if somebody else has cancelled a run: who does means the batch."""
        ended = (row for row in over if row.last_status.state is State.CANCELLED)
        found = next((row for row in ended if not row.run.cancelled_here), None)
        if found is None or not self.waiting:
            return
        left = counted(len(self.waiting), "run")
        self.give_up(f"It was never submitted, as row {found.number} was cancelled.")
        _log.warning(
            "Row %d of the batch %s was cancelled by somebody else, so %s that waited %s submitted."
            " The batch submits them when it is started again.",
            *(found.number, self._name, left, "isn't" if left == "1 run" else "aren't"),
        )

    def give_up(self, message: str) -> None:
        """Submit nothing more."""
        for row in self._rows:
            if not row.is_submitted and not row.last_status.state.is_final:
                row.draft.observe(Status(State.CANCELLED, message=message))
        self.waiting = []

    def end(self) -> None:
        """Submit nothing more, and stop what runs.

        Raises:
            FlowenvError: if a run still goes on; the others are stopped.
        """
        self.give_up("It was never submitted.")
        if self.processes:
            self.processes.end()
        else:
            active = (row.run for row in self.active if not row.last_status.state.is_final)
            if problems := cancel_all(active):
                raise problems[0]
        self.active = []
