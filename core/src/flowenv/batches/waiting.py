"""Waiting for many runs, of one environment or of several, without a thread for each."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

from flowenv.errors import SettingError, WaitTimeout
from flowenv.runs.flow_run import FlowRun
from flowenv.runs.waiting import named_ways_back, says_when_interrupted
from flowenv.settings.declaration import check_type
from flowenv.wording import counted

_SHORTEST, _LONGEST = 0.05, 2.0
"""Seconds between two rounds of looks."""
_SHARE = 10.0
"""How many times as long as the looks of a round take the pause after it is."""

ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION = (
    "ALL_COMPLETED",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
)
"""When `wait` returns; the words of `concurrent.futures`."""


class Waited(NamedTuple):
    """What `wait` found.

    Args:
        done: the runs that are over.
        not_done: those that go on.
    """

    done: set[FlowRun]
    not_done: set[FlowRun]


class Rounds:
    """The pauses between looks at many runs: short for few, and never most of a processor's time.

    Args:
        timeout: seconds after which it is over; None for never.

    Raises:
        SettingError: if the timeout is no number.
    """

    def __init__(self, timeout: float | None = None) -> None:
        check_type(timeout, float | None, "timeout")
        self._end = None if timeout is None else time.monotonic() + timeout
        self._began = time.monotonic()

    @property
    def is_late(self) -> bool:
        """True if the time is over."""
        return self._end is not None and time.monotonic() >= self._end

    def begin(self) -> None:
        """Note that the looks of a round begin."""
        self._began = time.monotonic()

    def pause(self) -> None:
        """Wait before the next round."""
        now = time.monotonic()
        seconds = min(max((now - self._began) * _SHARE, _SHORTEST), _LONGEST)
        if self._end is not None:
            seconds = min(seconds, max(self._end - now, 0.0))
        threading.Event().wait(seconds)  # which an interrupt ends


def _distinct(runs: Iterable[FlowRun]) -> list[FlowRun]:
    """Runs, each once.

    Raises:
        SettingError: if something else is given.
    """
    if not isinstance(runs, Iterable):
        raise SettingError(f"runs are several runs, not {type(runs).__name__}.", hint=_LIST)
    found = list(runs)
    for one in found:
        if not isinstance(one, FlowRun):
            raise SettingError(f"runs must be runs, not {type(one).__name__}.", hint=_LIST)
    return list(dict.fromkeys(found))


_LIST = "Give a list of what flowenv.submit or flowenv.attach returned, or a batch."


def _told(waiting: Iterable[FlowRun]) -> AbstractContextManager[None]:
    """In the block an interrupt says of runs that they go on, and how to get back to them."""

    def words() -> str:
        left = [
            run
            for run in waiting
            if run.environment.capabilities.attach and not run.last_status.state.is_final
        ]
        if not left:
            return ""
        goes = "goes" if len(left) == 1 else "go"
        return f"{counted(len(left), 'run')} {goes} on. {named_ways_back(left)}"

    return says_when_interrupted(words)


def as_completed(runs: Iterable[FlowRun], timeout: float | None = None) -> Iterator[FlowRun]:
    """Each run as soon as it is over, as `concurrent.futures.as_completed` does it.

    Args:
        runs: runs of any environments.
        timeout: seconds to wait at most, from the first run that is asked for; None for ever.

    Raises:
        SettingError: if `runs` aren't runs, or `timeout` is no number.
        WaitTimeout: if not all are over by then; they go on.
        FlowenvError: if a platform can't be asked, and that isn't a short outage.

    >>> import flowenv
    >>> runs = [flowenv.submit(dict, n=n) for n in (1, 2)]
    >>> [run.result()["n"] for run in flowenv.as_completed(runs)]
    [1, 2]
    """
    waiting, rounds = _distinct(runs), Rounds(timeout)
    while True:
        rounds.begin()
        with _told(waiting):
            over = [run for run in waiting if run.state.is_final]
        yield from over
        waiting = [run for run in waiting if not run.last_status.state.is_final]
        if not waiting:
            return
        if rounds.is_late:
            verb = "isn't" if len(waiting) == 1 else "aren't"
            raise WaitTimeout(
                f"{counted(len(waiting), 'run')} {verb} over after {timeout:g} seconds.",
                hint="What isn't over goes on; wait again or cancel it.",
            )
        with _told(waiting):
            rounds.pause()


def wait(
    runs: Iterable[FlowRun],
    timeout: float | None = None,
    return_when: str = ALL_COMPLETED,
) -> Waited:
    """Wait for runs, as `concurrent.futures.wait` does it.

    Args:
        runs: runs of any environments.
        timeout: seconds to wait at most; None for ever.
        return_when: `ALL_COMPLETED`, `FIRST_COMPLETED`, or `FIRST_EXCEPTION`: as soon as one
            ended in another way than completed.

    Returns:
        The runs that are over, and those that go on: `done` and `not_done`.

    Raises:
        SettingError: if `runs` aren't runs, `timeout` is no number or `return_when` another word.
        FlowenvError: if a platform can't be asked, and that isn't a short outage.

    >>> import flowenv
    >>> done, not_done = flowenv.wait([flowenv.submit(dict)])
    >>> len(done), len(not_done)
    (1, 0)
    """
    if return_when not in (ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION):
        raise SettingError(
            f"return_when must be ALL_COMPLETED, FIRST_COMPLETED or FIRST_EXCEPTION, "
            f"not {return_when!r}."
        )
    waiting, done, rounds = _distinct(runs), set[FlowRun](), Rounds(timeout)
    with _told(waiting):
        while True:
            rounds.begin()
            over = {run for run in waiting if run.state.is_final}
            done |= over
            waiting = [run for run in waiting if run not in over]
            if not waiting or rounds.is_late or _is_enough(over, return_when):
                return Waited(done, set(waiting))
            rounds.pause()


def _is_enough(over: set[FlowRun], return_when: str) -> bool:
    if return_when == FIRST_EXCEPTION:
        return any(run.last_status.state.value != "Completed" for run in over)
    return bool(over) and return_when == FIRST_COMPLETED
