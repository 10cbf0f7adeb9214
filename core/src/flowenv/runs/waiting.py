"""A script that waits for runs is interrupted: it says what happens to them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol

from flowenv.signals.stopping import closed_before_the_end

if TYPE_CHECKING:
    from flowenv.environments.environment import Environment
    from flowenv.states import Status

_log = logging.getLogger("flowenv")

_MOST_NAMED = 3
"""The runs of many that are named."""


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
def says_when_interrupted(words: Callable[[], str]) -> Iterator[None]:
    """Have Ctrl-C and SIGTERM in the block say what becomes of what it waits for.

    Args:
        words: gives the sentence; an empty one if there is nothing to say.
    """
    with closed_before_the_end(), _said(words):
        yield


@contextmanager
def cancelled_when_left(words: Callable[[], str], cancel: Callable[[], object]) -> Iterator[None]:
    """Cancel something at the end of the block, which SIGTERM ends, too.

    Args:
        words: as above.
        cancel: cancels it, if it isn't over.
    """
    with closed_before_the_end():
        try:
            with _said(words):
                yield
        finally:
            cancel()


@contextmanager
def _said(words: Callable[[], str]) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if said := words():
            _log.warning("%s", said)
        raise


def says_that_it_goes_on(flow_run: AwaitedRun) -> AbstractContextManager[None]:
    """Have Ctrl-C and SIGTERM in the block say that the run goes on, and how to get back to it."""
    if not flow_run.environment.capabilities.attach:
        return nullcontext()

    def words() -> str:
        if flow_run.last_status.state.is_final:
            return ""
        return f"The run goes on. Get back to it with: {way_back(flow_run)}"

    return says_when_interrupted(words)


def way_back(flow_run: AwaitedRun) -> str:
    """The command that gets back to a run."""
    return f"flowenv attach {flow_run.reference} --env {name_of(flow_run.environment)}"


def named_ways_back(runs: Sequence[AwaitedRun]) -> str:
    """The commands that get back to runs; of many the first ones."""
    more = len(runs) - _MOST_NAMED
    named = "; ".join(way_back(run) for run in runs[:_MOST_NAMED])
    return f"Get back with: {named}" + (f"; and {more} more" if more > 0 else "")


def name_of(environment: Environment) -> str:
    """What `--env` takes for an environment."""
    return environment.configured_as or environment.backend


def say_what_it_waits_for(flow_run: AwaitedRun, status: Status) -> None:
    """Have a warning say why a run doesn't start, since that may last."""
    if status.reason is not None and not status.state.is_final:
        _log.warning("The run %s: %s", flow_run.reference, status)


def run_cancelled_when_left(flow_run: CancelledRun) -> AbstractContextManager[None]:
    """Cancel the run at the end of the block if it isn't over; SIGTERM ends the block, too."""
    if not flow_run.environment.capabilities.cancel:
        return closed_before_the_end()

    def words() -> str:
        is_over = flow_run.last_status.state.is_final
        return (
            "" if is_over else f"The run {flow_run.reference} is cancelled, as its block is left."
        )

    return cancelled_when_left(words, flow_run.cancel)
