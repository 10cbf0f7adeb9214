"""Following a run on the terminal: states, log lines, progress, and what Ctrl-C does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from flowenv.cli.following.interrupts import deferred
from flowenv.cli.following.live import Foot, live_foot
from flowenv.cli.following.run_line import RunLine
from flowenv.cli.output.printing import echo, echo_json, log_line, tell
from flowenv.cli.output.stdout import drop_output
from flowenv.wording import shown

if TYPE_CHECKING:
    from flowenv.errors import FlowenvError
    from flowenv.runs.flow_run import FlowRun
    from flowenv.states import Status

REMINDERS = (2.0, 10.0, 20.0, 30.0, 60.0)
"""Seconds without news after each of which a line says what the run waits for; the last again
and again."""
_DRAIN = 15.0
"""Seconds without a log line, after the run is over, for which more of them are waited for."""


def follow_to_end(
    flow_run: FlowRun,
    where: str,
    output: str,
    *,
    submit: Callable[[], FlowRun] | None = None,
) -> int:
    """Show a run until it is over and how it ended, and return what the command line exits with.

    Args:
        flow_run: the run.
        where: the options that name its environment.
        output: `json` for its description on the standard output; an interrupted run has one, too.
        submit: submits it first. A run that others have submitted isn't cancelled by Ctrl-C.

    Raises:
        KeyboardInterrupt: after an interrupt.
    """
    from flowenv.cli import BUG
    from flowenv.cli.output.report import describe, report_end, show_traceback

    try:
        with Follower(flow_run, where, cancel_on_interrupt=submit is not None) as follower:
            if submit is not None:
                follower.submit(submit)
            follower.follow()
    except KeyboardInterrupt:
        if output == "json":
            echo_json(describe(flow_run))
        raise
    show_traceback(flow_run)
    code = report_end(flow_run, output, where)
    return code or (BUG if follower.has_lost_output else 0)


class Follower:
    """Shows one run on the standard error, and its log on the standard output.

    At the foot of a terminal a line says how a run stands that is elsewhere; a flow in this process
    has the terminal for itself.

    Within its block the first Ctrl-C cancels the run and waits until that is verified; the
    second leaves at once and says what is left.

    Args:
        flow_run: the run.
        where: the options that name its environment, for the commands that are proposed.
        cancel_on_interrupt: whether Ctrl-C cancels the run or only stops following it.

    Attributes:
        has_lost_output: True if the log could not be written.
    """

    def __init__(
        self, flow_run: FlowRun, where: str = "", *, cancel_on_interrupt: bool = True
    ) -> None:
        self.flow_run = flow_run
        self.where = where
        self.cancel_on_interrupt = cancel_on_interrupt
        self.has_lost_output = False
        self._submitting = False
        self._cancelling = False
        self._started = time.monotonic()
        self._shown: Status | None = None
        self._news = threading.Event()
        self._over = threading.Event()
        self._reminder = threading.Thread(target=self._remind, name="reminder", daemon=True)
        self._logs: threading.Thread | None = None
        self._is_printing, self._printed = False, 0
        self._foot = Foot()

    def __enter__(self) -> Self:
        """Begin to watch the run."""
        self.flow_run.listeners.append(self._show)
        self._reminder.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        frames: TracebackType | None,
    ) -> None:
        """Stop; if that is because of an interrupt, cancel the run first."""
        from flowenv.errors import FlowenvError

        try:
            if isinstance(error, KeyboardInterrupt):
                self._interrupted()
            elif isinstance(error, FlowenvError):
                self._lost_sight(error)
        finally:
            self._over.set()
            self._news.set()
            self._reminder.join()
            self.flow_run.listeners.remove(self._show)

    def submit(self, submit: Callable[[], FlowRun]) -> None:
        """Submit the run.

        An interrupt waits until the platform has answered, since only then it is known
        what there is to cancel. In this process it stops the flow at once.
        """
        self._submitting = True
        if not self.flow_run.environment.capabilities.cancel:
            submit()
            return
        with deferred("Interrupted: cancelling as soon as the platform has answered."):
            submit()

    def follow(self) -> Status:
        """Show the run until it is over, and return its final status."""
        can = self.flow_run.environment.capabilities
        if not (can.cancel or can.attach):
            return self._follow()
        line = RunLine(self.flow_run, self._started)
        with live_foot(lambda console: line.render()) as self._foot:
            try:
                return self._follow()
            finally:
                self._foot = Foot()

    def _follow(self) -> Status:
        if self.flow_run.environment.capabilities.logs:
            self._logs = threading.Thread(target=self._print_logs, name="logs", daemon=True)
            self._logs.start()
        for status in self.flow_run.follow():
            self._show(status)
        self._drain()
        return self.flow_run.last_status

    def _drain(self) -> None:
        """Let the last log lines come and be read, however slowly whoever reads them does."""
        if self._logs is None:
            return
        printed = -1
        while self._logs.is_alive() and (self._is_printing or printed != self._printed):
            printed = self._printed
            self._logs.join(_DRAIN)
        if self._logs.is_alive():
            text = f"Nothing more of the log came for {_DRAIN:g} s. It may lack its end"
            if self.flow_run.environment.capabilities.attach:
                text += f": flowenv logs {self.flow_run.reference}{self.where}"
            echo(text, err=True)

    def _show(self, status: Status) -> None:
        self._news.set()
        # how the run ended is said once, at the end
        if status == self._shown or status.state.is_final:
            return
        before, self._shown = self._shown, status
        is_same = before and (status.state, status.reason) == (before.state, before.reason)
        if not (self._foot.is_live and is_same):  # else the line at the foot says it
            self._say(f"{status}{self._named(status)}")

    def _named(self, status: Status) -> str:
        """The reference, behind the word that the run is submitted."""
        from flowenv.states import State, Status

        run = self.flow_run
        shown = status == Status(State.SUBMITTED) and run.environment.capabilities.attach
        return f" {run.reference}" if shown and run.handle else ""

    def _say(self, text: str) -> None:
        seconds = time.monotonic() - self._started
        tell(click.style(f"[{seconds:6.1f} s] {shown(text)}", dim=True))

    def _remind(self) -> None:
        """While nothing is heard of a run that isn't running, say what it is waiting for."""
        said, last = 0, time.monotonic()
        while not self._over.is_set():
            is_news = self._news.wait(REMINDERS[0])
            self._news.clear()
            if is_news or self._show_unheard():
                said, last = 0, time.monotonic()
            elif time.monotonic() - last >= REMINDERS[min(said, len(REMINDERS) - 1)]:
                said, last = said + 1, time.monotonic()
                if not self._foot.is_live and (waits := self._waits_for()):
                    self._say(f"still {waits}")

    def _show_unheard(self) -> bool:
        """Show a new sentence within a state, of which only the run itself has heard."""
        from flowenv.states import State

        status = self.flow_run.last_status
        is_new = status != self._shown and self._shown is not None
        if not is_new or status.state.is_final or status.state is State.RUNNING:
            return False
        self._show(status)
        return True

    def _waits_for(self) -> str:
        """What the run is waiting for, without the sentence that stands above already."""
        from flowenv.states import State, Status

        status = self.flow_run.last_status
        if status.state.is_final:
            return ""
        if self._cancelling:
            return "waiting for the run to stop"
        return "" if status.state is State.RUNNING else str(Status(status.state, status.reason))

    def _print_logs(self) -> None:
        from flowenv.errors import FlowenvError

        try:
            for line in self.flow_run.logs(follow=True):
                self._news.set()
                if not self._print(log_line(line)):
                    return
        except FlowenvError as error:
            echo(f"The log can't be followed: {error}", err=True)

    def _print(self, line: str) -> bool:
        """Print a line of the log; False if nobody can have it."""
        self._is_printing = True
        try:
            print(line, flush=True)
        except BrokenPipeError:  # nobody reads them any more, but the run goes on
            drop_output()
            return False
        except OSError as error:
            self.has_lost_output = True
            echo(f"The log can't be written: {error.strerror}. The run goes on.", err=True)
            return False
        finally:
            self._is_printing = False
        self._printed += 1
        return True

    def _interrupted(self) -> None:
        run, can = self.flow_run, self.flow_run.environment.capabilities
        if run.last_status.state.is_final or not (can.cancel or can.attach):
            return
        if run.handle is None:
            if self._submitting:
                self._say_left("It may have been submitted", "status", run.id)
        elif self.cancel_on_interrupt and can.cancel:
            self._cancel()
        else:
            self._say_left("It goes on", "attach", run.reference)

    def _lost_sight(self, error: FlowenvError) -> None:
        """Following failed, which says nothing of the run: tell how to pick it up again."""
        run = self.flow_run
        if (
            run.handle
            and not run.last_status.state.is_final
            and run.environment.capabilities.attach
        ):
            error.add_hint(f"The run may go on: flowenv attach {run.reference}{self.where}")

    def _cancel(self) -> None:
        from flowenv.errors import FlowenvError

        echo("Cancelling the run. Ctrl-C again leaves it.", err=True)
        self._cancelling = True
        try:
            status = self.flow_run.cancel()
            self._drain()
        except KeyboardInterrupt:
            self._say_left("It may still run", "status", self.flow_run.reference)
            raise
        except FlowenvError as error:
            echo(f"Error: {error}", err=True)
            self._say_left("It may still run", "cancel", self.flow_run.reference)
        else:
            echo(str(status), err=True)

    def _say_left(self, how: str, command: str, reference: str) -> None:
        echo(f"{how}: flowenv {command} {reference}{self.where}", err=True)
