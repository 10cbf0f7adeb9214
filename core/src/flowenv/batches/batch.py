"""A batch: many runs of one flow, and what one does with them together."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, Self

from flowenv.batches.backlog import Backlog
from flowenv.batches.going_on import going_on, ways_back
from flowenv.batches.reasons import Reasons
from flowenv.batches.rows import Row
from flowenv.batches.waiting import Rounds
from flowenv.errors import FlowenvError, WaitTimeout
from flowenv.runs.flow_run import FlowRun
from flowenv.runs.waiting import cancelled_when_left, says_when_interrupted
from flowenv.states import State
from flowenv.wording import counted

_log = logging.getLogger("flowenv")


class Batch:
    """Many runs of one flow; what `flowenv.map` gives. Not for several threads at once.

    Args:
        name: what it is found by again.
        rows: its rows, those that the platform has taken already among them.
        at_once: how many of them may run at a time; None for all.
    """

    def __init__(self, name: str, rows: Sequence[Row], at_once: int | None = None) -> None:
        self.name = name
        self.rows = list(rows)
        self._backlog = Backlog(name, self.rows, at_once)
        self._reasons = Reasons()
        self._block: AbstractContextManager[None] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"Batch({self.name!r}, {self.summary()})"

    def _repr_html_(self) -> str:
        """The batch as a notebook shows it; the platform isn't asked."""
        from flowenv.batches.notebook import batch_html

        return batch_html(self)

    def __iter__(self) -> Iterator[FlowRun]:
        """Each run as soon as it is over, and submit the next one in its place.

        Raises:
            FlowenvError: if the platform refuses a run, or can't be asked; what is submitted
                goes on.
        """
        rows = self.follow(on_round=self._say_why)
        while True:
            with self._told():
                row = next(rows, None)
            if row is None:
                return
            yield row.run

    def __enter__(self) -> Self:
        """The batch itself: at the end of the block it is over."""

        def words() -> str:
            left = len(going_on(self))
            return f"The batch {self.name} is cancelled, as its block is left." if left else ""

        self._block = cancelled_when_left(words, self.cancel)
        self._block.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        frames: TracebackType | None,
    ) -> None:
        """Cancel what isn't over, also when the block ends by an exception or a signal."""
        block, self._block = self._block, None
        assert block is not None
        block.__exit__(kind, error, frames)

    # -- submitting -----------------------------------------------------------------------

    @property
    def waits(self) -> str:
        """Why no more runs are submitted for now: a quota or an outage; empty without any."""
        return self._backlog.waits

    @property
    def is_here(self) -> bool:
        """True if its flows run in this process, in which nobody else could stop them."""
        return self._backlog.is_here

    def start(self) -> None:
        """Submit as many runs as may run at once; in the local process run all, in their order.

        Raises:
            FlowenvError: what the first run met that the platform refused, if it isn't a quota.
        """
        with self._told():
            self._backlog.submit_more()
            while self._backlog.is_here and self._backlog.waiting:
                self._backlog.submit_more()

    def submit_all(self) -> None:
        """Submit all runs; those that have no place for now, such as in a quota, are waited for.

        Raises:
            FlowenvError: as above.
        """
        self._backlog.submit_more()
        rounds = Rounds()
        while self._backlog.waiting:
            rounds.begin()
            self._backlog.look()
            rounds.pause()
            self._backlog.submit_more()

    # -- following -------------------------------------------------------------------------

    def follow(
        self, timeout: float | None = None, *, on_round: Callable[[], object] = lambda: None
    ) -> Iterator[Row]:
        """Each row as soon as its run is over; the next ones are submitted meanwhile.

        Args:
            timeout: seconds after which to stop; None for never.
            on_round: called after each look at all.

        Raises:
            FlowenvError: if the platform refuses a run, or can't be asked; what is submitted
                goes on.
        """
        given = [row for row in self.rows if row.last_status.state.is_final]
        yield from given
        told, rounds = set(given), Rounds(timeout)
        while len(told) < len(self.rows):
            rounds.begin()
            self._backlog.look()
            self._backlog.submit_more()
            on_round()
            over = [r for r in self.rows if r not in told and r.last_status.state.is_final]
            yield from over
            told.update(over)
            if rounds.is_late:
                return
            if len(told) < len(self.rows) and not (self._backlog.is_here and over):
                rounds.pause()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """While this process waits for the batch, who is interrupted hears what goes on."""
        if self._block or (self._backlog.is_here and not self._backlog.processes):
            yield  # the one cancels it; in this process nothing goes on
            return

        def words() -> str:
            if not self._backlog.is_here:
                return ways_back(self)
            left = counted(len(going_on(self)), "run")
            self.cancel()
            return f"The batch {self.name} is ended with {left}: nobody could get back to them."

        try:
            with says_when_interrupted(words):
                yield
        except FlowenvError as error:
            if said := ways_back(self):
                error.add_note(said)
            raise

    def _say_why(self) -> None:
        for words in self._reasons.news(self._backlog.active, time.monotonic()):
            _log.warning("The batch %s, %s", self.name, words)

    def wait(self, timeout: float | None = None) -> Counter[State]:
        """Wait until all runs are over; the next ones are submitted meanwhile.

        Args:
            timeout: seconds to wait at most; None for ever.

        Returns:
            How many runs ended in which state.

        Raises:
            WaitTimeout: if not all are over by then; what is submitted goes on.
            FlowenvError: if the platform refuses a run, or can't be asked.
        """
        with self._told():
            for _ in self.follow(timeout, on_round=self._say_why):
                pass
        if not all(row.last_status.state.is_final for row in self.rows):
            raise WaitTimeout(
                f"The batch {self.name} isn't over after {timeout:g} seconds: {self.summary()}.",
                hint="What is submitted goes on; wait again or cancel it.",
            )
        return self.counts()

    def results(
        self,
        timeout: float | None = None,
        *,
        raise_first: bool = True,
        allow_pickle: bool | None = None,
    ) -> list[Any]:
        """The results of all runs, in the order of the rows, once they are over.

        Args:
            timeout: seconds to wait at most; None for ever.
            raise_first: True to raise what the first run that has no result raises; False to have
                these errors in the results' places.
            allow_pickle: as for `FlowRun.result`.

        Raises:
            WaitTimeout: if not all are over by then; what is submitted goes on.
            FlowenvError: as `FlowRun.result` does.
        """
        self.wait(timeout)
        found: list[Any] = []
        for row in self.rows:
            try:
                found.append(row.run.result(allow_pickle=allow_pickle))
            except FlowenvError as error:
                if raise_first:
                    error.add_note(f"It is row {row.number} of the batch {self.name}.")
                    raise
                found.append(error)
        return found

    def counts(self) -> Counter[State]:
        """How many runs stand in which state, as far as this process has seen."""
        return Counter(row.last_status.state for row in self.rows)

    def summary(self) -> str:
        """The counts for people: `2 Running, 1 Completed`."""
        counts = self.counts()
        parts = [f"{counts[state]} {state.value}" for state in State if counts[state]]
        return ", ".join(parts) or "no runs"

    def table(self) -> list[dict[str, Any]]:
        """A dictionary for each row, for `pandas.DataFrame`: its parameters, and how it stands.

        A parameter that is called as one of the columns behind them hides it.
        """
        return [
            {
                "row": row.number,
                "state": row.last_status.state.value,
                "reason": row.last_status.reason.value if row.last_status.reason else None,
                "message": row.last_status.message,
                "reference": row.reference,
                "submitted_here": row.is_own,
                **row.parameters,
            }
            for row in self.rows
        ]

    def report(self, path: str | os.PathLike[str] | None = None, *, title: str = "") -> str:
        """A page on all runs, as `flowenv.report` makes it.

        Args:
            path: a file to write it to, too.
            title: what the page is called; by default the batch's name.

        Returns:
            HTML.

        Raises:
            ConfigurationError: if Jinja2 isn't installed: it is the extra `report`.
            FlowenvError: if the platform can't be asked, or the file can't be written.
        """
        from flowenv.reports.page import report

        return report([row.run for row in self.rows], path, title=title or self.name)

    def cancel(self) -> Counter[State]:
        """Stop what runs, submit nothing more, and return when the platform shows that.

        Raises:
            UnsupportedOperation: if the backend can't cancel.
            PlatformError: if a run still goes on; the others are stopped.
        """
        self._backlog.end()
        return self.counts()
