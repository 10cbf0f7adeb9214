"""The foot of the terminal: lines that change while everything else is printed above them.

The cursor stays in sight and nothing is set on the terminal, so that there is nothing to set back,
however the process ends.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, TextIO

from flowenv.cli.following import interrupts

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

INTERVAL = 0.2
"""Seconds between two looks of the lines at the foot."""
_FEWEST_COLUMNS = 30
_FREE = 3
"""Columns at the right in which nothing is drawn: a terminal may show ^C there at any moment."""


class Foot:
    """No lines at the foot: where nobody looks, or the terminal can't show what changes."""

    is_live = False

    def aside(self) -> AbstractContextManager[object]:
        """A block in which whoever likes to may print whole lines."""
        return nullcontext()


class LiveFoot(Foot):
    """Lines at the foot of the terminal.

    They are wiped before anything is printed and drawn again some time after, so that a long log
    isn't slowed down by them.

    Args:
        console: rich's, on the terminal.
        render: gives the lines as they are now.
    """

    is_live = True

    def __init__(self, console: Console, render: Callable[[], RenderableType]) -> None:
        from rich.live_render import LiveRender

        self._console = console
        self._render = render
        self._drawn: LiveRender | None = None
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._draw_again, name="foot", daemon=True)
        self.is_within_line = False

    @contextmanager
    def shown(self) -> Iterator[Foot]:
        """The foot is there in the block, and what others print goes above it."""
        before = sys.stdout, sys.stderr
        if _is_same_terminal(sys.stdout, sys.stderr):
            sys.stdout = _Above(self, sys.stdout)
        sys.stderr = _Above(self, sys.stderr)
        self._thread.start()
        try:
            with interrupts.echoed_into(lambda: self._drawn is not None):
                yield self
        finally:
            self._over.set()
            sys.stdout, sys.stderr = before
            self._thread.join()
            with suppress(OSError), self._lock:
                self._wipe()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """A block in which whoever likes to may print whole lines."""
        with self._lock:
            self._wipe()
            yield

    def _draw_again(self) -> None:
        while not self._over.wait(INTERVAL):
            try:
                with self._lock:
                    if not self.is_within_line and not self._over.is_set():
                        self._draw()
            except OSError:  # the terminal has gone
                return

    def _draw(self) -> None:
        from rich.control import Control
        from rich.live_render import LiveRender
        from rich.segment import ControlType

        lines = LiveRender(self._render(), vertical_overflow="crop")
        before, self._drawn = self._drawn, lines
        with self._console:  # all at once, or it flickers
            if before is not None:
                self._console.control(before.position_cursor())
            # the ^C of a user never wraps, even where it comes between a line and its return
            self._console.print(lines, end="", width=self._console.width - _FREE)
            self._console.control(Control(ControlType.CARRIAGE_RETURN))

    def _wipe(self) -> None:
        if self._drawn is None:
            return
        codes = str(self._drawn.position_cursor()).encode()
        number = self._console.file.fileno()
        # Both or neither, and never twice: it would take other lines with it. A signal's handler
        # runs after a call, so that it finds either lines that are drawn, or none.
        self._drawn = None
        os.write(number, codes)


class _Above:
    """A stream to a terminal whose foot is live: what is written stands above it."""

    def __init__(self, foot: LiveFoot, stream: TextIO) -> None:
        self._foot = foot
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._foot.aside():
            written = self._stream.write(text)
            self._stream.flush()
            if text:
                self._foot.is_within_line = not text.endswith("\n")
        return written


def live_foot(render: Callable[[Console], RenderableType]) -> AbstractContextManager[Foot]:
    """Lines at the foot of the terminal, while the block lasts; none where they can't be.

    They are on the standard error, and need rich, a terminal that can move its cursor, and a user
    who hasn't said no: with NO_COLOR, TERM=dumb or CI.

    Args:
        render: gives them as they are now.
    """
    console = _console() if _is_wanted() else None
    if console is None:
        return nullcontext(Foot())
    return LiveFoot(console, lambda: render(console)).shown()


def _is_wanted() -> bool:
    if any(os.environ.get(name) for name in ("NO_COLOR", "CI")):
        return False
    if os.environ.get("TERM", "dumb") in ("dumb", "unknown"):
        return False
    return sys.stderr is not None and sys.stderr.isatty()


def _console() -> Console | None:
    try:
        from rich.console import Console
    except ImportError:
        return None
    console = Console(file=sys.stderr, highlight=False, markup=False, emoji=False)
    is_able = console.is_terminal and not console.is_dumb_terminal
    return console if is_able and console.width >= _FEWEST_COLUMNS else None


def _is_same_terminal(one: TextIO | None, other: TextIO) -> bool:
    try:
        return one is not None and os.ttyname(one.fileno()) == os.ttyname(other.fileno())
    except (OSError, ValueError, AttributeError):
        return False
