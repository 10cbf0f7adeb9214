"""The user's own traceback: what their flow did, without flowenv's part of the stack."""

from __future__ import annotations

import sys
import traceback
from types import TracebackType

from flowenv.errors import FlowenvError

_NOT_THE_USERS = frozenset(
    {"asyncio", "concurrent", "contextlib", "flowenv", "importlib", "pathlib", "pluggy"}
)
"""Top-level modules that stand between the command line and the user's code."""


def show_user_traceback(error: BaseException) -> None:
    """Print an exception to the standard error, with its traceback from the user's frame on."""
    print(user_traceback(error), end="", file=sys.stderr, flush=True)


def user_traceback(error: BaseException) -> str:
    """An exception with its traceback from the user's frame on.

    An exception that was raised before the user's code was reached (a callable that doesn't
    take its arguments, a file that isn't Python) is printed without any frames. One that
    flowenv raised because of the user's (a callback that failed) gives way to that.
    """
    if isinstance(error, FlowenvError) and error.__cause__ and not has_user_frames(error):
        error = error.__cause__
    shown = traceback.TracebackException.from_exception(error)
    _trim(shown, error)
    return "".join(shown.format())


def _trim(shown: traceback.TracebackException, error: BaseException) -> None:
    """Leave the user's frames only, also of the exceptions that led to this one."""
    kept = sum(1 for _ in traceback.walk_tb(users_part(error.__traceback__)))
    if kept:
        shown.stack = traceback.StackSummary.from_list(shown.stack[-kept:])
    else:
        shown.stack = None  # type: ignore[assignment] # so it says nothing of a traceback
    if shown.__cause__ and error.__cause__:
        _trim(shown.__cause__, error.__cause__)
    if shown.__context__ and error.__context__:
        _trim(shown.__context__, error.__context__)


def has_user_frames(error: BaseException) -> bool:
    """True if the exception came through the user's own code."""
    return users_part(error.__traceback__) is not None


def users_part(frames: TracebackType | None) -> TracebackType | None:
    """A traceback from the first frame of the user's own code on; None if it has none."""
    while frames and _is_between(frames):
        frames = frames.tb_next
    return frames


def _is_between(frames: TracebackType) -> bool:
    name = frames.tb_frame.f_globals.get("__name__", "")
    top = name.partition(".")[0]
    return top in _NOT_THE_USERS or top.startswith("flowenv_")


def hint_for(error: Exception) -> str:
    """What to do about an exception of a flow's, where that is known."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    return (
        f"Where it ran there is no module {error.name}: add it to the image, or what installs it "
        "to @flow(requirements=[…]); ship a module of your own with @flow(files=[…])."
    )
