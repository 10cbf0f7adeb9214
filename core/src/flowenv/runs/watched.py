"""How a run stands: by a look, by following it, and when what of it happened."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Self

from flowenv.answers.checked import AskedHandle
from flowenv.answers.times import Phase, RunTimes, times_seen
from flowenv.errors import UnsupportedOperation, WaitTimeout
from flowenv.results.record.outcome import Outcome
from flowenv.runs.identity import RunIdentity, now
from flowenv.states import State, Status

if TYPE_CHECKING:
    from flowenv.answers.events import Event
    from flowenv.answers.handle import Handle


class WatchedRun(RunIdentity):
    """A run whose platform can be asked how it stands."""

    @property
    def status(self) -> Status:
        """How the run stands now, by what the backend's watch or a look lately says.

        Looking often is cheap: no look is a request of its own, where the backend can watch.

        Raises:
            FlowenvError: if the platform can't be asked, and that isn't a short outage.
        """
        if self._live and self.handle is not None and not self.last_status.state.is_final:
            status = self._live.look(self._asked)
            if status is not None:
                self.observe(status)
        return self.last_status

    @property
    def state(self) -> State:
        """Where the run stands now, as `status` has it: a loop may wait for it to change.

        >>> from flowenv import submit
        >>> submit(dict).state
        <State.COMPLETED: 'Completed'>
        """
        return self.status.state

    def look_after(self) -> None:
        """From now on, looks at the run end it if it can't start, as of one submitted from here.

        Following it and waiting for it do so anyway.
        """
        self._asked().take_over()

    @property
    def reference(self) -> str:
        """What `flowenv attach` needs to find the run again."""
        return self._asked().reference

    def as_of(self, status: Status) -> Self:
        """A copy of the run as it is with a status, which stays so: what plugins are told of."""
        told = copy.copy(self)
        told.last_status = status
        told._live = None
        told.parameters = dict(self.parameters)
        told.listeners, told.witnesses, told.document_witnesses = [], [], []
        told._hooks = None
        return told

    def refresh(self) -> Status:
        """Look at the platform once and return the status."""
        if not self.last_status.state.is_final:
            self.observe(self._asked().status())
        return self.last_status

    def observe(self, status: Status) -> bool:
        """Take note of a status; plugins are told of a change of state.

        Returns:
            True if the status was news. A status of an earlier state is ignored.
        """
        with self._lock:
            same_state = status.state is self.last_status.state
            if status == self.last_status or self.last_status.state.is_final:
                return False
            if not same_state and not self.last_status.state.may_become(status.state):
                return False
            self.last_status = status
            if not same_state:
                self._seen.append((status.state, now()))
                for listener in self.listeners:
                    listener(status)
                if self._hooks is not None:
                    self._hooks.notify(self, status)
        return True

    def follow(self, timeout: float | None = None) -> Iterator[Status]:
        """Each status that is news, up to and with the final one.

        Args:
            timeout: seconds after which to stop; None waits for the end of the run.
        """
        if self.last_status.state.is_final:
            yield self.last_status
            return
        told = self._asked().follow(timeout)
        while True:
            with self._live.kept_by_another() if self._live else nullcontext():
                status = next(told, None)
            if status is None:
                return
            if self.observe(status):
                yield self.last_status
            if self.last_status.state.is_final:
                return

    def wait(
        self,
        timeout: float | None = None,
        *,
        on_status: Callable[[Status], object] | None = None,
    ) -> Status:
        """Wait until the run is over.

        Args:
            timeout: seconds to wait at most; None waits for ever.
            on_status: called with each status that is news; without it a warning says why a run
                doesn't start.

        Returns:
            The final status.

        Raises:
            WaitTimeout: if the run isn't over by then; it goes on.
            KeyboardInterrupt: at Ctrl-C; the run goes on, and a warning says how to get back to it.
                At SIGTERM the process ends with the same warning.
        """
        from flowenv.runs.waiting import say_what_it_waits_for

        with self._told():
            for status in self.follow(timeout):
                if on_status:
                    on_status(status)
                else:
                    say_what_it_waits_for(self, status)
        if not self.last_status.state.is_final:
            waited = "" if timeout is None else f" after {timeout:g} seconds"
            raise WaitTimeout(
                f"The run {self.id} is {self.last_status.state.value}{waited}.",
                hint="It goes on; wait again or cancel it.",
            )
        return self.last_status

    def _told(self) -> AbstractContextManager[None]:
        """While this process waits for the run, an interrupt says what happens to it."""
        from flowenv.runs.waiting import says_that_it_goes_on

        return (
            nullcontext()
            if self.last_status.state.is_final or self._block
            else says_that_it_goes_on(self)
        )

    def times(self) -> RunTimes:
        """When what of the run happened, by the platform's own clock, whoever asks.

        A backend that can't tell gives what this process saw, if it submitted the run.

        Raises:
            FlowenvError: if the platform can't be asked.

        >>> from flowenv import submit
        >>> times = submit(dict).times()
        >>> times.made <= times.running <= times.ended
        True
        """
        told = self._asked().times() if self.handle is not None else None
        if told is None and self.is_attached:
            return RunTimes()  # when it was made says nothing of where it stands
        return told or times_seen(self._seen, self._own_record())

    def phases(self) -> tuple[Phase, ...]:
        """What the run's time went to: scheduling, pulling, starting, loading, running, closing.

        Each phase has a name, and when it began and ended, as far as the platform tells. Asks
        as `times` does.

        >>> from flowenv import submit
        >>> [phase.name for phase in submit(dict).phases()]
        ['starting', 'running']
        """
        return self.times().phases(is_over=self.last_status.state.is_final)

    def events(self) -> tuple[Event, ...]:
        """What the platform itself says of the run, oldest first, as long as it keeps that.

        Kubernetes keeps its events for an hour or so. A backend that can't tell gives none.

        Raises:
            FlowenvError: if the platform can't be asked.

        >>> from flowenv import submit
        >>> submit(dict).events()
        ()
        """
        return tuple(self._asked().events()) if self.handle is not None else ()

    def _own_record(self) -> Outcome:
        """What a flow that runs in this process says of its times."""
        state = self.last_status.state
        return Outcome(self.id, state, ran=self.ran, clustered=self.clustered)

    def _asked(self) -> AskedHandle:
        from flowenv.answers.checked import AskedHandle

        backend = f"The backend {self.environment.backend}"
        return AskedHandle(self._handle(), self._hooks.owner if self._hooks else backend)

    def _handle(self) -> Handle:
        if self.handle is None:
            raise UnsupportedOperation(f"The run {self.id} isn't submitted.")
        return self.handle
