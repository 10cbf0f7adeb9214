"""A script that waits for a run is interrupted: it says what happens to the run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from flowenv.signals.stopping import closed_before_the_end

if TYPE_CHECKING:
    from flowenv.environments.environment import Environment
    from flowenv.states import Status

_log = logging.getLogger("flowenv")


class AwaitedRun(Protocol):
    """A run, as far as somebody waits for it."""

    environment: Environment
    last_status: Status

    @property
    def reference(self) -> str:
        """What `flowenv attach` needs."""


class CancelledRun(AwaitedRun, Protocol):
    """A run that is cancelled when its block is left."""

    def cancel(self) -> Status:
        """Stop it."""


@contextmanager
def says_that_it_goes_on(flow_run: AwaitedRun) -> Iterator[None]:
    """Have Ctrl-C and SIGTERM in the block say that the run goes on, and how to get back to it."""
    if not flow_run.environment.capabilities.attach:
        yield
        return
    with closed_before_the_end():
        try:
            yield
        except KeyboardInterrupt:
            if not flow_run.last_status.state.is_final:
                environment, reference = flow_run.environment, flow_run.reference
                where = environment.configured_as or environment.backend
                back = f"flowenv attach {reference} --env {where}"
                _log.warning("The run goes on. Get back to it with: %s", back)
            raise


def say_what_it_waits_for(flow_run: AwaitedRun, status: Status) -> None:
    """Have a warning say why a run doesn't start, since that may last."""
    if status.reason is not None and not status.state.is_final:
        _log.warning("The run %s: %s", flow_run.reference, status)


@contextmanager
def cancelled_at_the_end(flow_run: CancelledRun) -> Iterator[None]:
    """Cancel the run at the end of the block if it isn't over; SIGTERM ends the block, too."""
    cancels = flow_run.environment.capabilities.cancel
    with closed_before_the_end():
        try:
            yield
        except KeyboardInterrupt:
            if cancels and not flow_run.last_status.state.is_final:
                _log.warning("The run %s is cancelled, as its block is left.", flow_run.reference)
            raise
        finally:
            if cancels:
                flow_run.cancel()
