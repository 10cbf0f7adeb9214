"""One execution of a flow: its identity, its state, and a handle on where it runs."""

from __future__ import annotations

import contextlib
import copy
import datetime
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from flowenv.errors import (
    FlowenvError,
    ResultUnavailable,
    RunCancelled,
    RunCrashed,
    RunFailed,
    SpecError,
    UnsupportedOperation,
    WaitTimeout,
)
from flowenv.runs.live_status import LiveStatus
from flowenv.runs.times import Phase, RunTimes, times_seen
from flowenv.states import State, Status
from flowenv.wording import shown

if TYPE_CHECKING:
    from flowenv.contract.variables import Variables
    from flowenv.flows.definition import Flow
    from flowenv.results.outcome import Outcome
    from flowenv.results.output_files import OutputFiles
    from flowenv.runs.answers import AskedHandle
    from flowenv.runs.environment import Environment
    from flowenv.runs.handle import Handle
    from flowenv.secret import Secret

DRAFT_ID = "00000000-0000-0000-0000-000000000000"
"""The id of a run that is never executed: what `setup(flow)` builds specs with."""


class RunHooks(Protocol):
    """What a run asks of its backend's hooks.

    Attributes:
        owner: the backend and its distribution, as messages name them.
    """

    owner: str

    def notify(self, flow_run: FlowRun, status: Status) -> None:
        """Tell the plugins of a change of state."""

    def run_flow(self, flow_run: FlowRun) -> Any:
        """Run the flow in this process, and return its result."""

    def find_secret(self, name: str, *, is_preview: bool = False) -> tuple[Secret | None, str]:
        """A named secret and who gives it."""


class FlowRun:
    """One execution of a flow.

    Attributes:
        id: fresh for every execution, a UUID.
        flow_name: the flow's name.
        flow: the flow itself; None for a run that another process submitted.
        parameters: the flow's parameters by name.
        environment: where it runs.
        labels: the environment's and the submission's labels.
        submitter: who submitted it, as `user@host`; empty if that isn't known.
        created: when it was made, in UTC.
        last_status: what this process last saw of it; only goes forwards.
        handle: the backend's handle, once it is submitted.
        variables: variables for this run's containers alone, as `[env]` has them.
        surroundings: a context in which this process has the variables of the flow's container.
        spec: the finished spec, once the run is being submitted from this process.
        container_variables: the variables of its containers, from then on.
        nonce: a random text that goes into the payload, so that nobody can guess its digest.
        directory: where the flow runs: the folder of the payload's files.
        is_preview: True if the run is only shown, as by `flowenv explain`, and never submitted.
        is_attached: True if another process has submitted the run.
        listeners: called with each status of a new state, in this process, before the plugins are
            told of it.
        document_witnesses: called with the SHA-256 and the content of a result that this process
            reads from the run's log.
        witnesses: called with the outcome record when this process reads it.
        raised: where the flow runs: the exception that the flow itself raised, so that it can
            be told from one of the start.
        output: where the flow runs: the folder that its files come back from.
        ran: where the flow runs: when it was called, in seconds since 1970, and how many seconds
            it took; empty before.
        installed: where the flow runs: the same for what it requires; empty if nothing of that
            had to be installed.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        id: str,
        flow_name: str,
        flow: Flow[..., Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        labels: Sequence[str] = (),
        created: datetime.datetime | None = None,
        hooks: RunHooks | None = None,
        submitter: str = "",
        shown_parameters: Mapping[str, str] | None = None,
    ) -> None:
        self.id = id
        self.flow_name = flow_name
        self.flow = flow
        self.parameters = dict(parameters or {})
        self.environment = environment
        self.labels = tuple(labels)
        self.created = created
        self.submitter = submitter
        self._shown_parameters = shown_parameters
        self.handle: Handle | None = None
        self.last_status = Status(State.PENDING)
        self.variables: Mapping[str, Any] = {}
        self.surroundings: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext
        self.spec: dict[str, Any] | None = None
        self.container_variables: Variables | None = None
        self.nonce = secrets.token_hex(16)
        self.directory: Path | None = None
        self.is_preview = False
        self.is_attached = False
        self.listeners: list[Callable[[Status], object]] = []
        self.witnesses: list[Callable[[Outcome], object]] = []
        self.document_witnesses: list[Callable[[str, bytes], object]] = []
        self.raised: BaseException | None = None
        self.ran: tuple[float, ...] = ()
        self.installed: tuple[float, ...] = ()
        self.output: Path | None = None
        self._seen = [(State.PENDING, _now())]
        self._source_files: tuple[Path, ...] | None = None
        self._hooks = hooks
        self._result_lines: list[str] = []
        self._block: AbstractContextManager[None] | None = None
        self._live: LiveStatus | None = LiveStatus()
        # held until it is settled who hears of a state, so that all hear of them in their order
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        state = self.last_status.state.value
        return f"FlowRun({self.flow_name!r}, id={self.id!r}, state={state})"

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

    @property
    def is_draft(self) -> bool:
        """True if the run only serves to build a spec and is never executed."""
        return self.id == DRAFT_ID

    @property
    def reference(self) -> str:
        """What `flowenv attach` needs to find the run again."""
        return self._asked().reference

    @property
    def source_files(self) -> tuple[Path, ...]:
        """Where the flow runs: its own files, which Dask's workers don't have by themselves."""
        if self._source_files is None:
            from flowenv.flows.code_reference import own_files

            self._source_files = own_files(self.flow) if self.flow else ()
        return self._source_files

    @source_files.setter
    def source_files(self, files: tuple[Path, ...]) -> None:
        self._source_files = files

    @property
    def hooks(self) -> RunHooks:
        """The hooks of the run's backend: the run has them from who made it or attached to it."""
        assert self._hooks is not None
        return self._hooks

    @hooks.setter
    def hooks(self, hooks: RunHooks) -> None:
        self._hooks = hooks

    @property
    def image(self) -> str | None:
        """The container image: the one that is set, else what will do without flowenv in it."""
        chosen = self.chosen_image
        if not chosen and self.environment.needs_image():
            chosen = self.environment.default_image
        return chosen

    @property
    def chosen_image(self) -> str | None:
        """The image that is set: the environment's, the flow's, the spec file's, the configured."""
        chosen = (self.environment.metadata or {}).get("image")
        if not chosen and self.flow is not None:
            chosen = self.flow.image
        if not chosen:
            chosen = self.environment.spec_image
        if not chosen:
            from flowenv.settings.configuration import configuration

            chosen = configuration().image
        return chosen

    def require_image(self, otherwise: str = "") -> str:
        """The container image.

        Args:
            otherwise: what else helps, on this platform, where none is set.

        Raises:
            SpecError: if no image is set anywhere; the message says where one can be.
        """
        if not self.image:
            raise SpecError(
                f"The flow {self.flow_name} needs a container image, and none is set.",
                hint="Set metadata={'image': …} on the environment, @flow(image=…), "
                f"or image in the configuration{otherwise}.",
            )
        return self.image

    def as_of(self, status: Status) -> FlowRun:
        """A copy of the run as it is with a status, which stays so: what plugins are told of."""
        told = copy.copy(self)
        told.last_status = status
        told._live = None
        told.parameters = dict(self.parameters)
        told.listeners, told.witnesses, told.document_witnesses = [], [], []
        told._hooks = None
        return told

    @property
    def shown_parameters(self) -> dict[str, str]:
        """The parameters as texts, shortened and without secrets; also of a run of others."""
        if self._shown_parameters is not None:
            return dict(self._shown_parameters)
        from flowenv.runs.shown_parameters import shown_parameters

        return shown_parameters(self.parameters)

    # -- following ----------------------------------------------------------------------

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
                self._seen.append((status.state, _now()))
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
        return told or times_seen(self._seen)

    def phases(self) -> tuple[Phase, ...]:
        """What the run's time went to: scheduling, pulling, starting, loading, running.

        Each phase has a name, and when it began and ended, as far as the platform tells. Asks
        as `times` does.

        >>> from flowenv import submit
        >>> [phase.name for phase in submit(dict).phases()]
        ['starting', 'running']
        """
        return self.times().phases(is_over=self.last_status.state.is_final)

    def logs(self, *, follow: bool = False) -> Iterator[str]:
        """The lines of the flow's log, without line ends.

        Args:
            follow: wait for more until the run is over.

        Raises:
            UnsupportedOperation: if the backend can't read logs.
        """
        from flowenv.results.lines import without_lines
        from flowenv.results.outcome import is_outcome_line

        self._require("logs", "can't read a run's logs")
        lines = self._asked().logs(follow)
        shown = without_lines(lines, self.id, self._result_lines)
        while True:
            with self._told() if follow else nullcontext():
                line = next(shown, None)
            if line is None:
                return
            if not is_outcome_line(line):
                yield line

    def result(self, timeout: float | None = None, *, allow_pickle: bool | None = None) -> Any:
        """The flow's result, once the run is over.

        Args:
            timeout: seconds to wait at most; None waits for ever.
            allow_pickle: whether a stored result that isn't only data is read too, which runs
                the code in it; by default what the configuration says.

        Raises:
            RunFailed: if the flow raised; in the local process caused by that exception, elsewhere
                with the end of its traceback as a note.
            RunCrashed: if the platform or the start failed.
            RunCancelled: if the run was cancelled.
            ResultUnavailable: if the result didn't travel back, or not yet.
            WaitTimeout: if the run isn't over by then.
        """
        status = self.wait(timeout)
        from flowenv.results.object_urls import results_url
        from flowenv.runs.handle import FinishedHandle
        from flowenv.settings.configuration import configuration

        handle = self._handle()
        if status.state is not State.COMPLETED:
            raise self._error(status) from getattr(handle, "error", None)
        if isinstance(handle, FinishedHandle):
            return handle.value
        outcome = self.read_outcome()
        if outcome is None:
            what = f"The run {self.id} completed, but its result isn't known."
            raise ResultUnavailable(
                f"{what} {status.message}".rstrip(),
                hint="Set results_url in the configuration, or have the flow store its result.",
            )
        if allow_pickle is None:
            allow_pickle = configuration().allow_pickle
        return outcome.value(
            results_url(self.environment), allow_pickle=allow_pickle, logged=self._logged
        )

    def read_outcome(self) -> Outcome | None:
        """The record of how the flow ended, if the run is over and there is one.

        Raises:
            FlowenvError: if it can't be read.
        """
        outcome = self._asked().outcome()
        if outcome is not None:
            for witness in self.witnesses:
                witness(outcome)
        return outcome

    def files(self, timeout: float | None = None) -> OutputFiles:
        """The files that the flow left in its output folder, once the run is over.

        Args:
            timeout: seconds to wait at most; None waits for ever.

        Returns:
            A mapping of names to contents; `save(folder)` writes them.

        Raises:
            ResultUnavailable: if they didn't travel back.
            PlatformError: if they can't be read.
            WaitTimeout: if the run isn't over by then.

        >>> from flowenv import submit
        >>> list(submit(dict).files())
        []
        """
        from flowenv.runs.files_of_run import files_of_run

        status = self.wait(timeout)
        return files_of_run(self, status, self.read_outcome(), self._logged)

    def _logged(self, sha256: str, what: str = "result") -> bytes:
        """The document that the run's log carries."""
        from flowenv.results.logged import KeepsResultLines, read_logged

        def read() -> Iterable[str]:
            handle = self._handle()
            if isinstance(handle, KeepsResultLines):
                return handle.result_lines(sha256)
            return self._asked().logs(follow=False)

        content = read_logged(read, self.id, sha256, self._result_lines, what)
        for witness in self.document_witnesses if what == "result" else ():
            witness(sha256, content)
        return content

    def _error(self, status: Status) -> Exception:
        # whoever lets it through has Python print it, as it is
        what, message = f"The run {self.id} of {shown(self.flow_name)}", shown(status.message)
        if status.state is State.FAILED:
            outcome = self.read_outcome()
            error = RunFailed(
                f"{what} failed: {message}",
                error_class=outcome.error_class if outcome else "",
            )
            if outcome and outcome.traceback:
                error.add_note(f"\nWhere it ran:\n{shown(outcome.traceback).rstrip()}")
            return error
        if status.state is State.CANCELLED:
            return RunCancelled(f"{what} was cancelled.")
        reason = f" ({status.reason.value})" if status.reason else ""
        return RunCrashed(f"{what} crashed{reason}: {message}", hint=shown(status.hint))

    def cancel(self) -> Status:
        """Stop the run, and return when the platform shows that it has stopped.

        Raises:
            UnsupportedOperation: if the backend can't cancel.
        """
        if self.refresh().state.is_final:
            return self.last_status
        self._require("cancel", "can't cancel a run from outside")
        self._asked().cancel()
        self.observe(self._asked().status())
        return self.last_status

    def delete(self) -> None:
        """Remove what the platform keeps of the run, which must be over.

        Raises:
            UnsupportedOperation: if it isn't over, or if the backend can't.
        """
        self._require("delete", "can't delete a run")
        status = self.refresh()
        if not status.state.is_final:
            raise UnsupportedOperation(
                f"The run {self.id} is {status.state.value}, and only one that is over can be "
                "deleted.",
                hint="Cancel it first.",
            )
        # the last moment in which somebody can; what can't be read is no reason to keep it
        with contextlib.suppress(FlowenvError):
            self.read_outcome()
        self._asked().delete()

    def __enter__(self) -> Self:
        """The run itself: at the end of the block it is over.

        >>> from flowenv import submit
        >>> with submit(dict) as run:
        ...     run.result()
        {}
        """
        from flowenv.runs.waiting import cancelled_at_the_end

        self._block = cancelled_at_the_end(self)
        self._block.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        frames: TracebackType | None,
    ) -> None:
        """Cancel the run if it isn't over, also when the block ends by an exception or a signal."""
        block, self._block = self._block, None
        assert block is not None
        block.__exit__(kind, error, frames)

    def _require(self, capability: str, lacks: str) -> None:
        if not getattr(self.environment.capabilities, capability):
            raise UnsupportedOperation(f"The backend {self.environment.backend} {lacks}.")

    def _asked(self) -> AskedHandle:
        from flowenv.runs.answers import AskedHandle

        backend = f"The backend {self.environment.backend}"
        return AskedHandle(self._handle(), self._hooks.owner if self._hooks else backend)

    def _handle(self) -> Handle:
        if self.handle is None:
            raise UnsupportedOperation(f"The run {self.id} isn't submitted.")
        return self.handle


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
