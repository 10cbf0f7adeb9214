"""Outages: how long reads of what is followed are tried again, and what is said meanwhile.

A run goes on while its platform doesn't answer, so that who follows it does, too.
"""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from flowenv.errors import (
    FlowenvError,
    PlatformError,
    PlatformUnreachable,
    TransientPlatformError,
)
from flowenv.remote.retries import Retries
from flowenv.states import Reason

T = TypeVar("T")

_log = logging.getLogger("flowenv")

PATIENCE = 300.0
"""Seconds without any answer after which those who follow a run are told."""
SPOKEN_OF = 3.0
"""Seconds after which an outage is spoken of; shorter ones are nobody's business."""
OUTAGES = (ConnectionError, TransientPlatformError, PlatformUnreachable)
"""What reads raise when the same read may succeed later."""
UNSETTLED = 30.0
"""Seconds after an outage for which a platform may refuse users whom it doesn't know again yet."""
_PAUSES = Retries(first=0.1, longest=10.0)


class Patience:
    """What one reader knows of an outage.

    Args:
        seconds: how long it may last; by default `PATIENCE`.
        late: what comes late in it, for a warning when it is spoken of; empty for none.

    Attributes:
        outage: one sentence for users; empty while all is well, and in an outage's first seconds.

    >>> patience = Patience()
    >>> patience.failed(ConnectionError("refused")) < 1, patience.outage
    (True, '')
    """

    def __init__(self, seconds: float | None = None, *, late: str = "") -> None:
        self.outage = ""
        self._late = late
        self._seconds = seconds
        self._since: float | None = None
        self._began = ""
        self._failures = 0
        self._unanswered_at: float | None = None

    @property
    def is_tried(self) -> bool:
        """True from the first failure to the next success."""
        return self._since is not None

    @property
    def is_over(self) -> bool:
        """True if the outage has lasted for too long."""
        limit = PATIENCE if self._seconds is None else self._seconds
        return self._since is not None and time.monotonic() - self._since > limit

    def bears(self, error: Exception) -> bool:
        """True for an error that may be gone a little later.

        Args:
            error: one of `OUTAGES`, or right after them a refusal: a server that has just come
                back may not know its users again yet.
        """
        if isinstance(error, OUTAGES):
            return True
        if self._unanswered_at is None or time.monotonic() - self._unanswered_at > UNSETTLED:
            return False
        return isinstance(error, PlatformError) and error.reason is Reason.ACCESS_DENIED

    def succeeded(self) -> None:
        """Note an answer: all is well."""
        self.outage, self._since, self._failures = "", None, 0

    def begin_anew(self) -> None:
        """Count from the next failure on, as something else is waited for now."""
        self.succeeded()

    def failed(self, error: Exception) -> float:
        """Note that there was no answer.

        Args:
            error: why; one that it `bears`.

        Returns:
            Seconds to wait before the next try.
        """
        now = time.monotonic()
        if isinstance(error, OUTAGES):
            self._unanswered_at = now
        if self._since is None:
            self._since = now
            self._began = datetime.datetime.now().astimezone().strftime("%H:%M:%S")
        if now - self._since >= SPOKEN_OF and not self.outage:
            limit = PATIENCE if self._seconds is None else self._seconds
            self.outage = (
                f"No news since {self._began}: {_words(error)} It is tried again for {limit:g} s."
            )
            if self._late:
                _log.warning("%s: %s", self._late, self.outage)
        self._failures += 1
        return _PAUSES.pause(self._failures)

    def through(self, ask: Callable[[], T]) -> T:
        """What a question gives, asked again for as long as an outage may last.

        Args:
            ask: asks; whatever it may have done without an answer, it may do again.

        Raises:
            Exception: its error, once that isn't one to bear, or has lasted for too long.

        >>> answers = iter([ConnectionError("refused"), "here"])
        >>> def ask() -> str:
        ...     if isinstance(answer := next(answers), Exception):
        ...         raise answer
        ...     return answer
        >>> Patience().through(ask)
        'here'
        """
        while True:
            try:
                answer = ask()
            except Exception as error:
                if not self.bears(error):
                    raise
                pause = self.failed(error)
                if self.is_over:
                    raise
                time.sleep(pause)
            else:
                self.succeeded()
                return answer


def _words(error: Exception) -> str:
    text = error.message if isinstance(error, FlowenvError) else str(error)
    return text if text.endswith(".") else f"{text}."
