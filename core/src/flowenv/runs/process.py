"""What the flow's container runs, independent of the platform."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from flowenv.contract import Target
from flowenv.contract.variables import Layer, Variables

COMMAND = ("/bin/sh", "-c", "exec python -c 'import flowenv; flowenv.load_and_run_flow()'")
"""The container's command. `exec`, because a shell as process 1 swallows SIGTERM."""

PAYLOAD_FILE = "payload.json"


class Process:
    """What the flow's container runs: a command, variables, and the payload's files.

    Everything is made when it is first asked for, so a backend that runs the flow in this
    process pays for none of it.

    Args:
        layers: gives the layers of a container's variables.
        pack: gives the payload; None where the flow runs in this process.

    Attributes:
        command: the command and its arguments.
        variables: the variables of each kind of container.
    """

    command: tuple[str, ...] = COMMAND

    def __init__(
        self, layers: Callable[[Target], Sequence[Layer]], pack: Callable[[], bytes] | None = None
    ) -> None:
        self.variables = Variables(layers)
        self._pack = pack

    @functools.cached_property
    def files(self) -> dict[str, bytes]:
        """The payload's files by name; the container finds them through `FLOWENV_PAYLOAD`.

        Raises:
            PayloadError: if something of the flow can't be sent to another process.
        """
        return {PAYLOAD_FILE: self._pack()} if self._pack else {}
