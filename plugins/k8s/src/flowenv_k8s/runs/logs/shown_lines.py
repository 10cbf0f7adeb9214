"""Which lines of a log were shown already, to go on exactly behind them when it is read again.

A log is resumed at a whole second, so that lines come again. Standard output and standard error
are stamped each by itself: a line can carry an earlier stamp than the one before it, and no stamp
says by itself whether its line was shown. But the lines from a second on come in the same order
each time. So the stamps of those that were shown are kept, and matched with what comes again.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from flowenv_k8s.runs.logs.stamps import SECOND

MARGIN = 5
"""Seconds by which a line may be stamped earlier than one that stands before it."""


class ShownLines:
    """The stamps of the lines that were shown last.

    >>> shown = ShownLines()
    >>> for stamp in (20 * SECOND, 20 * SECOND + 5, 20 * SECOND + 3):
    ...     shown.add(stamp)
    >>> shown.since
    15
    >>> again = shown.again()
    >>> [again.is_repeated(20 * SECOND + n) for n in (0, 5, 3, 4)]
    [True, True, True, False]
    """

    def __init__(self) -> None:
        self.since: int | None = None
        """The second since the epoch from which the log has to be read again; None for all."""
        self._stamps = array("q")

    def add(self, stamp: int) -> None:
        """Note that a line was shown.

        Args:
            stamp: of the line, in nanoseconds since the epoch.
        """
        self._stamps.append(stamp)
        since = max(stamp // SECOND - MARGIN, 0)
        if since != self.since:
            self.since = since
            start = since * SECOND
            self._stamps = array("q", (one for one in self._stamps if one >= start))

    def again(self) -> Repetition:
        """What comes first when the log is read again from `since` on."""
        return Repetition(self._stamps[:])


class Repetition:
    """Tells lines that were shown already from new ones, in one reading of a log.

    Args:
        stamps: of the lines that were shown and should come first, in their order.

    Attributes:
        lacks_lines: True if nothing of what was shown came again: between that and the first
            line there may be others, which can't be had any more.
        is_pending: True until the last line that was shown has come again.
    """

    def __init__(self, stamps: Sequence[int]) -> None:
        self._stamps = stamps
        self._next = 0
        self._begun = False
        self.lacks_lines = False
        self.is_pending = bool(stamps)

    def is_repeated(self, stamp: int) -> bool:
        """Whether the next line was shown before.

        Args:
            stamp: of the line, in nanoseconds since the epoch.
        """
        if not self.is_pending:
            return False
        if not self._begun:
            self._begun = True
            self._next = self._position(stamp)
        if self._next >= len(self._stamps) or self._stamps[self._next] != stamp:
            # rather a line twice than none
            self.is_pending = False
            return False
        self._next += 1
        self.is_pending = self._next < len(self._stamps)
        return True

    def _position(self, stamp: int) -> int:
        """Where the first line stands among those that were shown: later if files rotated."""
        for position, known in enumerate(self._stamps):
            if known == stamp:
                return position
        self.lacks_lines = True
        return len(self._stamps)
