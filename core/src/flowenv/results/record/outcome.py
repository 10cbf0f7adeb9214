"""The outcome of a run as it travels back: an exit code and a small JSON record.

The record is at most 4 KiB, or as much as its platform has room for. Where there is no file for
it, it is one marked line of the log.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from flowenv.errors import (
    FlowenvError,
    PayloadError,
    PlatformError,
    ResultUnavailable,
    RunFailed,
)
from flowenv.results.record.lines import FILES, MARK, TEXTS, fields_of, records_in
from flowenv.results.record.seal import fits
from flowenv.results.record.text import LIMIT, dump, dump_shortened
from flowenv.serialization.plain_data import NotData, decode_data
from flowenv.states import Reason, State, Status

NO_DATA_HINT = "Have the flow return data, or write a file to flowenv.output_dir()."
"""What to do about a result that can't leave its process."""
_STORE_HINT = "Set results_url in the configuration, or have the flow store its result."


@dataclass(frozen=True)
class Outcome:
    """How a flow's process ended.

    Args:
        run_id: the run.
        state: Completed, Failed, Crashed or Cancelled.
        result: the flow's result, if it is small, as JSON data.
        has_result: False if the result isn't in the record or there is none.
        stored: the SHA-256 of the stored result, if it was stored.
        logged: the SHA-256 of the result in the run's log, if it is there.
        files_stored: the SHA-256 of the files that the flow left, if they were stored.
        files_logged: the SHA-256 of the files, if they are in the run's log.
        files_left: why the files stayed behind, if they did.
        left: why the result stayed behind, if it did; or what of it is no data.
        result_type: the type of a result that is not in the record.
        error_class: the exception's class, for Failed and Crashed.
        message: the exception's message.
        reason: for Crashed.
        hint: what to do about it, or about a result that stayed behind.
        traceback: the end of the flow's own traceback, for Failed.
        installed: when what the flow requires was installed, in seconds since 1970, and how many
            seconds it took; empty if nothing was.
        clustered: when the making of its Dask cluster began, in seconds since 1970, and how many
            seconds it took; empty if none was made.
        ran: when the flow was called, in seconds since 1970, and how many seconds it took; empty
            if that isn't known.
        proof: that the process which wrote the record had read the run's payload.
        is_cut: True if the platform has cut the record, and what came last is missing.

    >>> Outcome.of_error("6f1c", ValueError("no data")).state.value
    'Failed'
    """

    run_id: str
    state: State
    result: Any = None
    has_result: bool = False
    stored: str = ""
    logged: str = ""
    files_stored: str = ""
    files_logged: str = ""
    files_left: str = ""
    left: str = ""
    result_type: str = ""
    error_class: str = ""
    message: str = ""
    reason: Reason | None = None
    hint: str = ""
    traceback: str = ""
    ran: tuple[float, ...] = ()
    installed: tuple[float, ...] = ()
    clustered: tuple[float, ...] = ()
    proof: str = ""
    is_cut: bool = False

    @property
    def was_stopped(self) -> bool:
        """True if the process was asked to stop, by whomever: its platform knows more."""
        return self.state is State.CANCELLED or self.reason is Reason.STOPPED

    @classmethod
    def of_error(cls, run_id: str, error: Exception, *, by_flow: bool | None = None) -> Outcome:
        """The outcome of a run that an exception ended.

        Args:
            run_id: the run.
            error: the exception.
            by_flow: True if the flow itself raised it, which is `Failed` whatever it is;
                False if not. By default only a `PlatformError` is not the flow's.
        """
        name = getattr(error, "error_class", "") or type(error).__name__
        if by_flow is None:
            by_flow = not isinstance(error, PlatformError)
        if by_flow or isinstance(error, RunFailed):
            return cls(run_id, State.FAILED, error_class=name, message=str(error))
        if not isinstance(error, FlowenvError):
            error = FlowenvError(f"{name}: {error}")
        return cls(
            run_id,
            State.CRASHED,
            reason=getattr(error, "reason", None) or Reason.START_ERROR,
            error_class=name,
            message=error.message,
            hint=error.hint,
        )

    @classmethod
    def of_result(cls, run_id: str, value: object) -> Outcome:
        """The outcome of a run whose flow returned; the result is in it if it is data.

        >>> Outcome.of_result("1", {"rows": 3}).result
        {'rows': 3}
        >>> Outcome.of_result("1", (1, 2)).value()
        (1, 2)
        """
        from flowenv.results.document import ResultDocument

        kind = type(value).__qualname__
        try:
            document = ResultDocument.of(value)
        except PayloadError as error:
            stayed = cls(run_id, State.COMPLETED, result_type=kind, left=error.message)
            return replace(stayed, hint=NO_DATA_HINT)
        if document.not_data:
            left = f"{document.not_data}, which is no data"
            return cls(run_id, State.COMPLETED, result_type=kind, left=left)
        return cls(run_id, State.COMPLETED, document.data, has_result=True)

    def value(
        self,
        results_url: str | None = None,
        *,
        allow_pickle: bool = False,
        logged: Callable[[str], bytes] | None = None,
    ) -> Any:
        """The flow's result, read from where it is; None if there is none.

        Args:
            results_url: where results are stored, as the reader's own configuration has it.
            allow_pickle: whether a result that isn't only data is read too, which runs the code
                in it.
            logged: gives the document with this SHA-256 that the run's log carries.

        Raises:
            ResultUnavailable: if the flow gave a result that stayed behind.
            PlatformError: if it can't be read from where it was stored.
        """
        run_id = self.run_id
        if self.has_result:
            try:
                return decode_data(self.result)
            except (PayloadError, NotData) as error:
                raise PlatformError(
                    f"The result of the run {run_id} can't be read: {error}"
                ) from error
        if self.stored and results_url:
            from flowenv.results.stored import read_result

            return read_result(
                results_url, run_id, self.stored, allow_pickle=allow_pickle, part=self.left
            )
        if self.logged and logged:
            from flowenv.results.document import read_content

            content = logged(self.logged)
            return read_content(
                content, run_id, "in its log", allow_pickle=allow_pickle, part=self.left
            )
        if self.is_cut and not self.result_type:
            raise ResultUnavailable(
                f"The record of the run {run_id} was cut on its way, and its result with it.",
                hint=_STORE_HINT,
            )
        if self.result_type:
            raise self._unavailable()
        return None

    def _unavailable(self) -> ResultUnavailable:
        what = f"The result of the run {self.run_id} ({self.result_type})"
        if self.stored:
            return ResultUnavailable(
                f"{what} is stored, and results_url, which says where, isn't set here.",
                hint="Set it as it was where the run was submitted, and attach to the run again.",
            )
        if self.logged:
            return ResultUnavailable(f"{what} is in its log, which can't be read here.")
        return ResultUnavailable(
            f"{what} stayed behind: {self.left or 'its record has no room for it'}.",
            hint=self.hint or _STORE_HINT,
        )

    def status(self, *, cancelled: bool = False) -> Status:
        """The outcome as a run's status.

        Args:
            cancelled: True if somebody has cancelled the run. A process can't know why it was
                asked to stop: without a cancellation that is a crash.
        """
        if cancelled and self.was_stopped:
            return Status(State.CANCELLED, message="The run was cancelled.")
        message = self.message
        if self.error_class and self.state is State.FAILED:
            message = f"{self.error_class}: {self.message}" if self.message else self.error_class
        hint = "" if self.state is State.COMPLETED else self.hint
        return Status(self.state, self.reason, message, hint)

    def to_bytes(self, limit: int = LIMIT) -> bytes:
        """The record: a long message is cut, a large result left out.

        What matters most comes first, in case the platform cuts it nevertheless.

        Args:
            limit: the most bytes it may have.
        """
        data = self._beginning()
        if self.reason:
            data["reason"] = self.reason.value
        if self.carries_result(limit):
            return dump({**data, "result": self.result})
        if self.has_result:
            data["result_type"] = type(self.result).__name__
        for name in TEXTS:
            if value := getattr(self, name):
                data[name] = value
        return dump_shortened(data, limit)

    def carries_result(self, limit: int = LIMIT) -> bool:
        """True if the flow's result is JSON data that fits into the record.

        Args:
            limit: the most bytes that the record may have.
        """
        if not self.has_result:
            return False
        return len(dump({**self._beginning(), "result": self.result})) <= limit

    @property
    def began(self) -> datetime.datetime | None:
        """When the flow was called, if that is known."""
        return datetime.datetime.fromtimestamp(self.ran[0], datetime.UTC) if self.ran else None

    @property
    def returned(self) -> datetime.datetime | None:
        """When the flow returned or raised, if that is known."""
        began = self.began
        return began and began + datetime.timedelta(seconds=self.ran[1])

    @property
    def installing(self) -> tuple[datetime.datetime | None, datetime.datetime | None]:
        """When installing what the flow requires began and ended, if anything was installed."""
        if not self.installed:
            return None, None
        ended = datetime.datetime.fromtimestamp(self.installed[0], datetime.UTC)
        return ended - datetime.timedelta(seconds=self.installed[1]), ended

    @property
    def clustering(self) -> tuple[datetime.datetime | None, datetime.datetime | None]:
        """When making a Dask cluster for the run began and ended, as far as it did."""
        if not self.clustered:
            return None, None
        began = datetime.datetime.fromtimestamp(self.clustered[0], datetime.UTC)
        seconds = self.clustered[1]  # 0 for one that never came up
        return began, began + datetime.timedelta(seconds=seconds) if seconds else None

    def _beginning(self) -> dict[str, Any]:
        proof = {"proof": self.proof} if self.proof else {}
        times = {"ran": self.ran, "installed": self.installed, "clustered": self.clustered}
        told = {name: [round(one, 3) for one in at] for name, at in times.items() if at}
        files = {name: value for name in FILES if (value := getattr(self, name))}
        return {"run": self.run_id, "state": self.state.value, **proof, **told, **files}

    def to_line(self) -> str:
        """The record as one line of a log."""
        return f"{MARK} {self.run_id} {self.to_bytes().decode()}"

    @classmethod
    def from_text(cls, text: str | bytes, run_id: str, seal: str = "") -> Outcome | None:
        """Read a record, or the last marked line of a log; None if it isn't this run's.

        Args:
            text: a file with a record and nothing else, or lines of a log.
            run_id: the run.
            seal: the run's seal, if it is known. Only a record with the proof counts then, as
                anybody's text may have been printed; but one that tells of a crash may have been
                written before the payload could be read.
        """
        if isinstance(text, bytes):
            text = text.decode(errors="replace")
        crash = None
        for record, is_whole_line in records_in(text, run_id):
            if (fields := fields_of(record, run_id)) is None:
                continue
            found = cls(run_id, **fields)
            if fits(found.proof, seal) if seal else is_whole_line:
                return found
            if found.state is State.CRASHED and is_whole_line:
                crash = crash or found
        return crash
