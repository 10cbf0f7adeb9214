"""What a backend gives for a submitted run: a handle on the place where it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from flowenv.errors import PluginError
from flowenv.states import Status

if TYPE_CHECKING:
    from flowenv.answers.events import Event
    from flowenv.results.record.outcome import Outcome

_METHODS = ("reference", "status", "follow", "logs", "outcome", "cancel")


@runtime_checkable
class Handle(Protocol):
    """A handle on one run. Backends implement it; `FlowRun` is what users see.

    All methods may be called from several threads. They raise `PlatformError` and its
    kind, never a vendor's exception.

    A backend that watches its platform, or asks for many runs together, gives its handles
    `latest() -> Status` besides: how the run stands by that, however often it is called. Without
    it `status()` is called once a second while somebody looks at `FlowRun.state`. A platform that
    keeps the times of a run's phases gives them with `times() -> RunTimes`, and one that says what
    happens to a run with `events() -> Iterable[Event]`. One whose `latest` ends a run that can't
    start only if this process has submitted it has `take_over()`, from which on it always does.
    """

    @property
    def reference(self) -> str:
        """What `flowenv_attach` needs to find the run again, from any machine."""

    def status(self) -> Status:
        """What is known of the run now, after one look."""

    def follow(self, timeout: float | None = None) -> Iterator[Status]:
        """The current status, then each change, up to and with the final one.

        Args:
            timeout: seconds after which to stop without a final status; None for never.
        """

    def logs(self, *, follow: bool = False) -> Iterator[str]:
        """The lines of the flow's log, without line ends, each once.

        Args:
            follow: wait for more until the run is over.
        """

    def outcome(self) -> Outcome | None:
        """The record of how the flow ended, if the run is over and there is one."""

    def cancel(self) -> None:
        """Stop the run, and return when the platform shows that it has stopped."""


def check_handle(given: object, owner: str, hook: str = "flowenv_execute") -> None:
    """Check what a backend gave for a handle.

    Args:
        given: what it gave.
        owner: the backend, as messages name it.
        hook: in which hook.

    Raises:
        PluginError: if it is no handle; it names what is missing.
    """
    hint = "It returns a handle on the submitted run."
    if isinstance(given, type):
        raise PluginError(
            f"{owner} gives the class {given.__name__} in {hook}, not an object of it.", hint=hint
        )
    if missing := [name for name in _METHODS if not hasattr(given, name)]:
        raise PluginError(
            f"{owner} gives no handle in {hook}, but {type(given).__name__}, which has no "
            f"{', '.join(missing)}.",
            hint=hint,
        )


def poll(
    look: Callable[[], Status], timeout: float | None = None, *, interval: float = 1.0
) -> Iterator[Status]:
    """`Handle.follow` for a platform that can only be asked: look again and again.

    Args:
        look: one look, such as the handle's own `status`.
        timeout: seconds after which to stop without a final status; None for never.
        interval: seconds between two looks.

    >>> from flowenv import State
    >>> answers = iter([State.RUNNING, State.RUNNING, State.COMPLETED])
    >>> [status.state.value for status in poll(lambda: Status(next(answers)), interval=0.0)]
    ['Running', 'Completed']
    """
    end = None if timeout is None else time.monotonic() + timeout
    last = None
    while True:
        status = look()
        if status != last:
            yield status
            last = status
        left = interval if end is None else min(interval, end - time.monotonic())
        if status.state.is_final or left < 0:
            return
        time.sleep(left)


class FinishedHandle:
    """The handle of a run that was over when `flowenv_execute` returned, as in this process.

    Args:
        result: the run's outcome.
        value: the flow's result itself.
        error: the flow's exception itself.
        told: what a platform said meanwhile, of a Dask cluster of the run's own.
    """

    reference = "local"

    def __init__(
        self,
        result: Outcome,
        value: Any = None,
        error: BaseException | None = None,
        told: Iterable[Event] = (),
    ) -> None:
        self._outcome = result
        self._told = tuple(told)
        self.value = value
        self.error = error

    def status(self) -> Status:
        """The final status."""
        return self._outcome.status()

    def follow(self, timeout: float | None = None) -> Iterator[Status]:
        """The final status only."""
        yield self.status()

    def logs(self, *, follow: bool = False) -> Iterator[str]:
        """No lines: what the flow printed went to this process's own output."""
        return iter(())

    def outcome(self) -> Outcome:
        """The outcome."""
        return self._outcome

    def events(self) -> Iterable[Event]:
        """What a platform said of the run's own cluster."""
        return self._told

    def cancel(self) -> None:
        """Do nothing: the run is over."""
