"""The outcome of a run as it travels back: an exit code and a small JSON record.

The record is at most 4 KiB, since that is what a Kubernetes termination message holds
(https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/).
Where there is no file for it, it is one marked line of the log.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flowenv.errors import FlowenvError, PlatformError, ResultUnavailable, RunFailed
from flowenv.states import Reason, State, Status

LIMIT = 4096
"""The most bytes a record may have."""
MARK = "flowenv-outcome"
"""What a log line with a record begins with; the run's id comes next."""

EXIT_COMPLETED, EXIT_FAILED, EXIT_CRASHED, EXIT_CANCELLED = 0, 1, 3, 143


@dataclass(frozen=True)
class Outcome:
    """How a flow's process ended.

    Args:
        run_id: the run.
        state: Completed, Failed, Crashed or Cancelled.
        result: the flow's result, if it is small JSON data.
        has_result: False if the result stayed behind or there is none.
        result_url: where the result was stored, if it was.
        result_type: the type of a result that is not in the record.
        error_class: the exception's class, for Failed and Crashed.
        message: the exception's message.
        reason: for Crashed.
        hint: what to do about it.
    """

    run_id: str
    state: State
    result: Any = None
    has_result: bool = False
    result_url: str = ""
    result_type: str = ""
    error_class: str = ""
    message: str = ""
    reason: Reason | None = None
    hint: str = ""

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
        """The outcome of a run whose flow returned; the result is in it if it is JSON data.

        >>> Outcome.of_result("1", {"rows": 3}).result
        {'rows': 3}
        >>> Outcome.of_result("1", {1, 2}).result_type
        'set'
        """
        try:
            found = json.loads(json.dumps(value, default=_as_scalar))
            same = bool(found == value)  # no tuple that became a list, no key that became text
        except Exception:
            same = False
        if same:
            return cls(run_id, State.COMPLETED, result=found, has_result=True)
        return cls(run_id, State.COMPLETED, result_type=type(value).__qualname__)

    def value(self) -> Any:
        """The flow's result, read from where it was stored if it was; None if there is none.

        Raises:
            ResultUnavailable: if the flow gave a result that stayed behind.
            PlatformError: if it can't be read from where it was stored.
        """
        if self.has_result or not self.result_type:
            return self.result
        if self.result_url:
            from flowenv.serialization.encoding import decode
            from flowenv.serialization.storage import read_json

            return decode(read_json(self.result_url))
        raise ResultUnavailable(
            f"The result of the run {self.run_id} ({self.result_type}) is not small JSON data, "
            "so it stayed behind.",
            hint="Set results_url in the configuration, or have the flow store its result.",
        )

    def status(self) -> Status:
        """The outcome as a run's status."""
        message = self.message
        if self.error_class and self.state is State.FAILED:
            message = f"{self.error_class}: {self.message}" if self.message else self.error_class
        return Status(self.state, self.reason, message, self.hint)

    def to_bytes(self) -> bytes:
        """The record, at most `LIMIT` bytes: a long message is cut, a large result left out."""
        data: dict[str, Any] = {"run": self.run_id, "state": self.state.value}
        for name in ("result_url", "result_type", "error_class", "hint"):
            if value := getattr(self, name):
                data[name] = value
        if self.reason:
            data["reason"] = self.reason.value
        if self.message:
            data["message"] = self.message
        if self.carries_result():
            return _dump({**data, "result": self.result})
        if self.has_result:
            data["result_type"] = type(self.result).__name__
        return _shortened(data)

    def carries_result(self) -> bool:
        """True if the flow's result is JSON data that fits into the record."""
        if not self.has_result:
            return False
        record = _dump({"run": self.run_id, "state": self.state.value, "result": self.result})
        return len(record) <= LIMIT

    def to_line(self) -> str:
        """The record as one line of a log."""
        return f"{MARK} {self.run_id} {self.to_bytes().decode()}"

    @classmethod
    def from_text(cls, text: str | bytes, run_id: str) -> Outcome | None:
        """Read a record, or the last marked line of a log; None if it isn't this run's."""
        if isinstance(text, bytes):
            text = text.decode(errors="replace")
        for line in reversed(text.split("\n")):
            marked = line.find(f"{MARK} {run_id} ")
            if marked >= 0:
                line = line[marked + len(MARK) + len(run_id) + 2 :]
            if found := cls._from_record(line, run_id):
                return found
        return None

    @classmethod
    def _from_record(cls, line: str, run_id: str) -> Outcome | None:
        if not line.lstrip().startswith("{"):
            return None
        try:
            data = json.loads(line)
            if data.get("run") != run_id:
                return None
            reason = Reason(data["reason"]) if data.get("reason") else None
            state = State(data["state"])
        except (ValueError, KeyError, AttributeError):
            return None
        if not state.is_final:
            return None
        texts = {
            n: str(data.get(n, ""))
            for n in ("result_url", "result_type", "error_class", "message", "hint")
        }
        return cls(run_id, state, data.get("result"), "result" in data, reason=reason, **texts)


def _as_scalar(value: Any) -> Any:
    """A NumPy scalar, or what looks like one, as Python's own number."""
    if getattr(value, "shape", None) == ():
        return value.item()
    raise TypeError(type(value).__name__)


def _dump(data: dict[str, Any]) -> bytes:
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    # a log may be split at these; a lone surrogate, as in a file's odd name, has no UTF-8
    for mark in _LINE_ENDS:
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text.encode("utf-8", "backslashreplace")


_LINE_ENDS = ("\x85", "\u2028", "\u2029")
_FIRST_CUT = {"message": 2000, "hint": 500, "error_class": 200, "result_type": 200}


def _shortened(data: dict[str, Any]) -> bytes:
    """The record, with its texts cut until it fits, the longest first."""
    data = {n: _cut(v, _FIRST_CUT[n]) if n in _FIRST_CUT else v for n, v in data.items()}
    record = _dump(data)
    while len(record) > LIMIT:
        longest = max(_FIRST_CUT.keys() & data.keys(), key=lambda n: len(data[n]), default="")
        if not longest or len(data[longest]) <= 1:
            return record
        data[longest] = _cut(data[longest], len(data[longest]) // 2)
        record = _dump(data)
    return record


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def is_outcome_line(line: str) -> bool:
    """True for a log line that only carries a record; logs shown to people leave it out."""
    return line.startswith(MARK + " ")


def without_record(exit_code: int, last_lines: str) -> Status:
    """What to say of a flow's process that ended without a record.

    Args:
        exit_code: of the container.
        last_lines: the end of its log, as far as it is known.

    >>> without_record(1, "ModuleNotFoundError: No module named 'flowenv'").reason
    <Reason.START_ERROR: 'start_error'>
    """
    if exit_code == 0:
        return Status(State.COMPLETED)
    last = next((s.strip() for s in reversed(last_lines.splitlines()) if s.strip()), "")
    if "No module named 'flowenv'" in last_lines:
        return Status(
            State.CRASHED,
            Reason.START_ERROR,
            "The image has no flowenv.",
            "Add to its Dockerfile: RUN pip install flowenv",
        )
    if exit_code in (126, 127):
        return Status(
            State.CRASHED,
            Reason.START_ERROR,
            last or f"The container's command can't be run (exit code {exit_code}).",
            "The image needs /bin/sh and python on its PATH.",
        )
    shown = f" Last line: {last}" if last else ""
    return Status(
        State.CRASHED,
        Reason.EXITED,
        f"The flow's process ended with exit code {exit_code} and no outcome.{shown}",
        "See its logs.",
    )
