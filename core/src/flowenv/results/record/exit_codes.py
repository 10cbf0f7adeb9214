"""What the exit code of a flow's process says."""

from __future__ import annotations

from flowenv.results.lines import MARK as RESULT_MARK
from flowenv.states import Reason, State, Status

EXIT_COMPLETED = 0
"""The exit code of a flow's process whose flow returned."""
EXIT_FAILED = 1
"""The exit code of a flow's process whose flow raised."""
EXIT_CRASHED = 3
"""The exit code of a flow's process in which the flow could not be started."""
EXIT_CANCELLED = 143
"""The exit code of a flow's process that was asked to stop, by SIGTERM or SIGINT."""


def without_record(exit_code: int, last_lines: str, *, may_be_late: bool = False) -> Status:
    """What to say of a flow's process that ended without a record.

    A flow that returned says so: exit code 0 alone can come of anything.

    Args:
        exit_code: of the container.
        last_lines: the end of its log, as far as it is known.
        may_be_late: True if a record may have been written that isn't to be seen yet.

    >>> without_record(1, "ModuleNotFoundError: No module named 'flowenv'").reason
    <Reason.START_ERROR: 'start_error'>
    """
    if exit_code == 0 and may_be_late:
        message = (
            "The flow's process ended with exit code 0; the record of its outcome isn't there."
        )
        return Status(State.COMPLETED, message=message)
    if exit_code == 0:
        return Status(
            State.CRASHED,
            Reason.EXITED,
            "The flow's process ended with exit code 0 without saying how the flow ended.",
            "Something else than the flow's end has ended it, such as os._exit, or another "
            "command than flowenv's ran.",
        )
    lines = (s.strip() for s in reversed(last_lines.splitlines()) if RESULT_MARK not in s)
    last = next(filter(None, lines), "")
    if "No module named 'flowenv'" in last_lines:
        from flowenv.origin import how_to_add_to_an_image

        return Status(
            State.CRASHED,
            Reason.START_ERROR,
            "The image has no flowenv.",
            f"{how_to_add_to_an_image()} Or, where the backend has that setting, "
            'runtime = "shipped".',
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
