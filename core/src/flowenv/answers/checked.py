"""What a backend raises or gives, checked once, where the core calls it, and told by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flowenv.errors import FlowenvError, PluginError, PluginFailed
from flowenv.states import Status

if TYPE_CHECKING:
    from flowenv.answers.events import Event
    from flowenv.answers.handle import Handle
    from flowenv.answers.times import RunTimes
    from flowenv.results.record.outcome import Outcome

RAISED = (Exception, SystemExit)
"""What somebody else's module or hook may raise without being an interrupt."""


@contextmanager
def blamed(owner: str, what: str) -> Iterator[None]:
    """Within the block, what is raised is told as somebody's own; flowenv's errors come through.

    Args:
        owner: who: `The backend acme of flowenv-acme 1.0`.
        what: in what: `flowenv_execute`, `the handle's status`.

    Raises:
        PluginFailed: caused by what was raised.
    """
    try:
        yield
    except FlowenvError:
        raise
    except RAISED as error:
        raise failed(owner, what, error) from error


def failed(owner: str, what: str, error: BaseException, hint: str = "") -> PluginFailed:
    """That somebody's code raised an exception."""
    said = f"{owner} raised {type(error).__name__} in {what}: {error}"
    return PluginFailed(said, hint=hint or "Report it with the lines above to who makes it.")


def one(given: Any, wanted: type, owner: str, what: str) -> Any:
    """What somebody gave, if it is of the type that it should be.

    Args:
        given: what came.
        wanted: the type that was expected.
        owner: as for `blamed`.
        what: as for `blamed`.

    Raises:
        PluginError: naming who, where, what came and what was expected.
    """
    if isinstance(given, wanted):
        return given
    raise PluginError(
        f"{owner} gives {kind_of(given)} in {what}, not {_a(wanted)}.",
        hint="Report it to who makes it.",
    )


def kind_of(given: Any) -> str:
    """What something is, for people: `dict`, or `the class RunHandle`."""
    if isinstance(given, type):
        return f"the class {given.__name__}"
    return type(given).__name__


def _a(wanted: type) -> str:
    if wanted is str:
        return "text"
    return f"{'an' if wanted.__name__[0] in 'AEIO' else 'a'} {wanted.__name__}"


def many(given: Any, wanted: type, owner: str, what: str) -> Iterator[Any]:
    """What somebody gives one after the other, if each is of the type that it should be.

    Raises:
        PluginError: naming who, where, what came and what was expected.
        PluginFailed: if it raises on the way.
    """
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise PluginError(
            f"{owner} gives {kind_of(given)} in {what}, not several of {wanted.__name__}.",
            hint="Report it to who makes it.",
        )
    with blamed(owner, what):
        found = iter(given)
    while True:
        with blamed(owner, what):
            try:
                item = next(found)
            except StopIteration:
                return
        yield one(item, wanted, owner, what)


class AskedHandle:
    """A backend's handle whose answers are checked.

    Args:
        handle: what the backend gave.
        owner: the backend, as messages name it.
    """

    def __init__(self, handle: Handle, owner: str) -> None:
        self._handle = handle
        self._owner = owner

    @property
    def reference(self) -> str:
        """What `flowenv_attach` needs."""
        what = "its handle's reference"
        with blamed(self._owner, what):
            given = self._handle.reference
        return one(given, str, self._owner, what)  # type: ignore[no-any-return]

    def status(self) -> Status:
        """What is known of the run now."""
        return self._one("status", Status)  # type: ignore[no-any-return]

    def latest(self) -> Status | None:
        """What the backend's own watch says; None if it has none."""
        return self._one("latest", Status) if hasattr(self._handle, "latest") else None

    def take_over(self) -> None:
        """Let looks at the run end one that can't start, if the backend has such looks."""
        if hasattr(self._handle, "take_over"):
            with blamed(self._owner, "its handle's take_over"):
                self._handle.take_over()

    def times(self) -> RunTimes | None:
        """When what happened, by the platform's clock; None if the backend can't tell."""
        from flowenv.answers.times import RunTimes

        return self._one("times", RunTimes) if hasattr(self._handle, "times") else None

    def events(self) -> list[Event]:
        """What the platform says of the run; empty if the backend can't tell."""
        from flowenv.answers.events import Event

        if not hasattr(self._handle, "events"):
            return []
        what = "its handle's events"
        with blamed(self._owner, what):
            given = self._handle.events()
        return list(many(given, Event, self._owner, what))

    def follow(self, timeout: float | None) -> Iterator[Status]:
        """Each change; without a timeout up to and with the final one."""
        what, last = "its handle's follow", None
        with blamed(self._owner, what):
            given = self._handle.follow(timeout)
        for last in many(given, Status, self._owner, what):
            yield last
        if timeout is None and not (last and last.state.is_final):
            stood = f"with {last.state.value}" if last else "without any status"
            raise PluginError(
                f"{self._owner} ended {what} {stood}, though it was given no timeout.",
                hint="Report it to who makes it: it ends with the final status.",
            )

    def logs(self, follow: bool) -> Iterator[str]:
        """The lines of the log."""
        what = "its handle's logs"
        with blamed(self._owner, what):
            given = self._handle.logs(follow=follow)
        return many(given, str, self._owner, what)

    def outcome(self) -> Outcome | None:
        """The record of how the flow ended."""
        from flowenv.results.record.outcome import Outcome

        with blamed(self._owner, "its handle's outcome"):
            given = self._handle.outcome()
        if given is None:
            return None
        return one(given, Outcome, self._owner, "its handle's outcome")  # type: ignore[no-any-return]

    def cancel(self) -> None:
        """Stop the run."""
        with blamed(self._owner, "its handle's cancel"):
            self._handle.cancel()

    def delete(self) -> None:
        """Remove what the platform keeps of the run."""
        with blamed(self._owner, "its handle's delete"):
            self._handle.delete()  # type: ignore[attr-defined]

    def _one(self, method: str, wanted: type) -> Any:
        what = f"its handle's {method}"
        with blamed(self._owner, what):
            given = getattr(self._handle, method)()
        return one(given, wanted, self._owner, what)
