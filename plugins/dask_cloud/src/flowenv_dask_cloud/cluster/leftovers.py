"""What a run's cluster leaves at the provider after it was closed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowenv.plugin import Leftover

UNSEEN = "not looked for"
"""In place of a name: whether there is anything of the kind isn't known."""


def sentence(one: Leftover) -> str:
    """What became of something that a run made.

    >>> sentence(Leftover("machine", "dask-1", problem="Interrupted again."))
    'machine dask-1 left behind: Interrupted again.'
    >>> sentence(Leftover("IAM roles", UNSEEN, problem="access denied"))
    "Whether IAM roles are left behind isn't known: access denied"
    """
    if one.removed:
        return f"{one.kind} {one.name} removed"
    if one.name == UNSEEN:
        return f"Whether {one.kind} are left behind isn't known: {one.problem}"
    return f"{one.kind} {one.name} left behind: {one.problem}"


class Leftovers:
    """Looks after what a provider itself doesn't remove. This one knows of nothing.

    Args:
        run_id: whose things are looked after.
        arguments: the provider's arguments, secrets in the clear.
    """

    def __init__(self, run_id: str, arguments: Mapping[str, Any]) -> None:
        self.run_id = run_id
        self.arguments = arguments

    def problems(self) -> list[str]:
        """Why the cluster's parts aren't running, in sentences; empty if nothing is known."""
        return []

    def why_no_worker(self) -> str | None:
        """Why no worker will come any more, if that is known."""
        return None

    def remove(self) -> list[Leftover]:
        """Remove what the run made; what stays is reported too."""
        return []
