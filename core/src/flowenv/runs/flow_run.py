"""One execution of a flow: its identity, its state, and a handle on where it runs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from flowenv.errors import (
    FlowenvError,
    ResultUnavailable,
    RunCancelled,
    RunCrashed,
    RunFailed,
    UnsupportedOperation,
)
from flowenv.runs.identity import NOT_LOOKED
from flowenv.runs.watched import WatchedRun
from flowenv.states import State, Status
from flowenv.wording import shown

if TYPE_CHECKING:
    from flowenv.results.output_files import OutputFiles
    from flowenv.results.record.outcome import Outcome


class FlowRun(WatchedRun):
    """One execution of a flow.

    Attributes:
        id: fresh for every execution, a UUID.
        flow_name: the flow's name.
        flow: the flow itself; None for a run that another process submitted.
        parameters: the flow's parameters by name; of a run that another process submitted what
            its platform has of them, which is texts: shortened, and without secrets.
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
        cancelled_here: True once this process has cancelled it.
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
        clustered: where the flow runs: when the making of its Dask cluster began, in seconds since
            1970, and how many seconds it took, or 0 as long as it isn't up; empty if none was made.
        cluster_events: where the flow runs, if that is the submitting process: what the platform
            has said of that cluster.
    """

    def _repr_html_(self) -> str:
        """The run as a notebook shows it; the platform isn't asked."""
        from flowenv.answers.times import times_seen
        from flowenv.runs.notebook import bars, facts, state, text

        seen = () if self.is_attached else times_seen(self._seen, self._own_record()).phases()
        stands = state(self.last_status) if self.is_looked_at else f"({NOT_LOOKED})"
        parameters = ", ".join(f"{name}={value}" for name, value in self.shown_parameters.items())
        return facts(
            {
                "run": f"<b>{text(self.flow_name)}</b> {stands}",
                "": text(self.last_status.message),
                "hint": text(self.last_status.hint),
                "parameters": text(parameters),
                "labels": text(", ".join(self.labels)),
                "reference": text(self.reference if self.handle else ""),
                "phases": bars(seen),
            }
        )

    def logs(self, *, follow: bool = False) -> Iterator[str]:
        """The lines of the flow's log, without line ends.

        Args:
            follow: wait for more until the run is over.

        Raises:
            UnsupportedOperation: if the backend can't read logs.
        """
        from flowenv.results.lines import without_lines
        from flowenv.results.record.lines import is_outcome_line

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
        from flowenv.answers.handle import FinishedHandle
        from flowenv.results.object_urls import results_url
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

    def report(self, path: str | os.PathLike[str] | None = None, *, title: str = "") -> str:
        """A page on the run, as `flowenv.report` makes it.

        Args:
            path: a file to write it to, too.
            title: what the page is called; by default the flow's name.

        Returns:
            HTML.

        Raises:
            ConfigurationError: if Jinja2 isn't installed: it is the extra `report`.
            FlowenvError: if the platform can't be asked, or the file can't be written.

        >>> from flowenv import submit
        >>> "Completed" in submit(dict).report()
        True
        """
        from flowenv.reports.page import report

        return report(self, path, title=title)

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
            name = outcome.error_class if outcome else ""
            said = f"{what} failed: {message}"
            error = RunFailed(said, hint=shown(status.hint), error_class=name)
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
        self.cancelled_here = True
        self._asked().cancel()
        self.observe(self._asked().status())
        return self.last_status

    def delete(self) -> None:
        """Remove what the platform keeps of the run, which must be over.

        What it stored at `results_url` stays.

        Raises:
            UnsupportedOperation: if it isn't over, or if the backend can't.
        """
        self._require("delete", "can't delete a run", self.environment.instead_of_delete)
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
        from flowenv.runs.waiting import run_cancelled_when_left

        self._block = run_cancelled_when_left(self)
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

    def _require(self, capability: str, lacks: str, hint: str = "") -> None:
        environment = self.environment
        if not getattr(environment.capabilities, capability):
            raise UnsupportedOperation(f"The backend {environment.backend} {lacks}.", hint=hint)
