"""What runs first in the flow's container: flowenv's command, whatever else is set there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from flowenv.errors import SpecError

RUNS_THE_COMMAND = ("/bin/sh", "-c", 'exec "$0" "$@"')
"""An entry point that only becomes the command that follows it."""
_INITS = frozenset({"tini", "dumb-init", "catatonit", "docker-init", "env"})
"""Programs that run the command that follows them."""


def take_over(container: Mapping[str, Any]) -> dict[str, Any]:
    """The user's container with an entry point that runs the command, if it has one at all.

    >>> take_over({"entryPoint": ["sh", "-c"]})["entryPoint"][0]
    '/bin/sh'
    >>> take_over({"image": "flow:1"})
    {'image': 'flow:1'}
    """
    if not container.get("entryPoint"):
        return dict(container)
    return {**container, "entryPoint": list(RUNS_THE_COMMAND)}


def check_runs_command(container: Mapping[str, Any], arn: str, command: Sequence[str]) -> None:
    """Check that a definition's container runs the command that a run brings.

    Args:
        container: the flow's, as it is defined.
        arn: of the definition.
        command: what shall run.

    Raises:
        SpecError: if its entry point may do something else; it shows both.
    """
    entry_point = list(container.get("entryPoint") or ())
    if not entry_point or entry_point == list(RUNS_THE_COMMAND):
        return
    if PurePosixPath(str(entry_point[0])).name in _INITS:
        return
    raise SpecError(
        f"The container {container['name']} of {arn.rpartition('/')[2]} has the entry point "
        f"{entry_point!r}, which a run can't change: it would get flowenv's command "
        f"{list(command)!r} as its arguments.",
        hint="Take entryPoint out of that definition, or let flowenv register one.",
    )
