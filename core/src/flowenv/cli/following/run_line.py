"""One line on how a run stands, for the foot of a terminal: its state, since when, and why."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flowenv.wording import shown

if TYPE_CHECKING:
    from rich.text import Text

    from flowenv.runs.flow_run import FlowRun
    from flowenv.states import Status

STYLES = {
    "Pending": "cyan",
    "Submitted": "cyan",
    "Starting": "yellow",
    "Running": "green",
    "Completed": "green",
    "Failed": "red",
    "Crashed": "red",
    "Cancelled": "yellow",
}


class RunLine:
    """The line of one run.

    Args:
        flow_run: the run; nobody is asked, it is shown as this process last saw it.
        started: when it began to be shown, by the monotonic clock.
    """

    def __init__(self, flow_run: FlowRun, started: float) -> None:
        self._flow_run = flow_run
        self._started = started
        self._state, self._since = "", started

    def render(self) -> Text:
        """The line as it is now."""
        from rich.text import Text

        status, now = self._flow_run.last_status, time.monotonic()
        if status.state.value != self._state:
            self._state, self._since = status.state.value, now
        since, in_all = clock(now - self._since), clock(now - self._started)
        return Text.assemble(
            in_colour(status),
            (f" {since}", "bold"),
            f" of {in_all}" if self._since - self._started > 1 else "",
            f"  {shown(self._flow_run.flow_name, lines=False)}",
            (f"  {why(status)}" if status.message else "", "dim"),
            no_wrap=True,
            overflow="ellipsis",
        )


def in_colour(status: Status) -> tuple[str, str]:
    """A state with its reason, and how it is shown."""
    reason = f" ({status.reason.value})" if status.reason else ""
    return f"{status.state.value}{reason}", STYLES[status.state.value]


def why(status: Status) -> str:
    """What the platform says of a run, on one line."""
    return shown(" ".join(status.message.split()), lines=False)


def clock(seconds: float) -> str:
    """How long something takes already.

    >>> clock(7.9), clock(75), clock(3725)
    ('0:07', '1:15', '1:02:05')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
