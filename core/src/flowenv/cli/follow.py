"""Following a run on the terminal: states, log lines, progress, and what Ctrl-C does."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from flowenv.flow_run import FlowRun
    from flowenv.states import Status

_REMIND_AFTER = (2.0, 10.0)
"""Seconds without news after which a line says what the run waits for: at first, then each time."""
_DRAIN = 15.0
"""Seconds that the last log lines may take after the run is over."""


class Follower:
    """Shows one run until it is over.

    Args:
        flow_run: the run.
        cancel_on_interrupt: whether Ctrl-C cancels the run or only stops following it.
    """

    def __init__(self, flow_run: FlowRun, cancel_on_interrupt: bool = True) -> None:
        self.flow_run = flow_run
        self.cancel_on_interrupt = cancel_on_interrupt
        self._started = time.monotonic()
        self._news = threading.Event()
        self._done = threading.Event()

    def run(self, submit: Callable[[], FlowRun] | None = None) -> Status:
        """Submit the run if it isn't yet, and follow it to its end.

        The first Ctrl-C cancels the run and waits until that is verified; the second
        leaves at once and says what is left.

        Raises:
            KeyboardInterrupt: after the run was cancelled or left.
        """
        reminder = threading.Thread(target=self._remind, name="progress", daemon=True)
        reminder.start()
        logs: threading.Thread | None = None
        try:
            if submit:
                submit()
            self._show(self.flow_run.status)
            if self.flow_run.environment.capabilities.logs and not self.flow_run.state.is_final:
                logs = threading.Thread(target=self._print_logs, name="logs", daemon=True)
                logs.start()
            for status in self.flow_run.follow():
                self._show(status)
        except KeyboardInterrupt:
            self._interrupted()
            raise
        finally:
            self._done.set()
            self._news.set()
            if logs:
                logs.join(_DRAIN)
        return self.flow_run.status

    def summary(self) -> str:
        """One line: how the run ended and the time of each phase."""
        phases = self.flow_run.phases()
        total = phases.pop("total")
        parts = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in phases.items())
        ended = self.flow_run.state.value
        return f"{ended} after {total:.1f} s" + (f" ({parts})" if parts else "")

    def _show(self, status: Status) -> None:
        self._news.set()
        # how the run ended is said once, at the end
        if not status.state.is_final:
            self._say(str(status))

    def _say(self, text: str) -> None:
        seconds = time.monotonic() - self._started
        click.echo(click.style(f"[{seconds:6.1f} s] {text}", dim=True), err=True)

    def _remind(self) -> None:
        """While nothing is heard of a run that isn't running, say what it is waiting for."""
        from flowenv.states import State

        first, later = _REMIND_AFTER
        patience = first
        while not self._done.is_set():
            if self._news.wait(patience):
                self._news.clear()
                patience = first
            elif self.flow_run.state is not State.RUNNING and not self._done.is_set():
                self._say(f"still {self.flow_run.status}")
                patience = later

    def _print_logs(self) -> None:
        from flowenv.errors import FlowenvError

        try:
            for line in self.flow_run.logs(follow=True):
                self._news.set()
                print(line, flush=True)
        except FlowenvError as error:
            click.echo(f"The log can't be followed: {error}", err=True)

    def _interrupted(self) -> None:
        run = self.flow_run
        if run.handle is None or run.state.is_final:
            return
        if not self.cancel_on_interrupt or not run.environment.capabilities.cancel:
            click.echo(f"Left running: {run.reference}", err=True)
            return
        click.echo("Cancelling the run. Ctrl-C again leaves it.", err=True)
        try:
            status = run.cancel()
        except KeyboardInterrupt:
            click.echo(f"Left running: {run.reference}", err=True)
            raise
        click.echo(f"{status}", err=True)
        sys.stderr.flush()
