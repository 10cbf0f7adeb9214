"""What the flow's container runs, independent of the platform."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from flowenv._version import __version__
from flowenv.contract import RUNTIME_DIGEST, RUNTIME_FILE, Target
from flowenv.contract.variables import Layer, Variables

COMMAND = ("/bin/sh", "-c", "exec python -c 'import flowenv; flowenv.load_and_run_flow()'")
"""The container's command. `exec`, because a shell as process 1 swallows SIGTERM."""

_CHECKED_IMPORT = (
    "import hashlib, os, sys; "
    f'file, digest = os.environ["{RUNTIME_FILE}"], os.environ["{RUNTIME_DIGEST}"]; '
    'hashlib.sha256(open(file, "rb").read()).hexdigest() == digest or '
    'sys.exit(f"{file} is not what was sent with the run: its SHA-256 is another one.'
    ' Somebody has changed it since; submit the run again."); '
    'others = os.environ.get("PYTHONPATH"); '
    'os.environ["PYTHONPATH"] = f"{file}:{others}" if others else file; '
    "sys.path.insert(1, file); "
)
SHIPPED_COMMAND = (
    *COMMAND[:2],
    COMMAND[2].replace("import flowenv", f"{_CHECKED_IMPORT}import flowenv"),
)
"""The same where flowenv comes with the run: it is found first, and what the image or the user
has set is kept. Processes that the flow starts inherit it. Nothing of it is imported, not even at
the start of Python, before it is known to be what was sent."""

PAYLOAD_FILE = "payload.json"
"""The name of the payload among `Process.files`."""


@dataclass(frozen=True)
class Runtime:
    """flowenv as one file that Python imports from.

    Args:
        content: the zip.
    """

    content: bytes = field(repr=False)

    @functools.cached_property
    def digest(self) -> str:
        """The content's SHA-256, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def name(self) -> str:
        """The file's name, which is the content's: `flowenv-0.1.0-3f2a….zip`."""
        return f"flowenv-{__version__}-{self.digest[:16]}.zip"

    def variables(self, folder: str) -> dict[str, str]:
        """The variables of a container that has the file in a folder."""
        return {RUNTIME_FILE: f"{folder}/{self.name}", RUNTIME_DIGEST: self.digest}


class Process:
    """What the flow's container runs: a command, variables, and the payload's files.

    Everything is made when it is first asked for, so a backend that runs the flow in this
    process pays for none of it.

    Args:
        layers: gives the layers of a container's variables.
        pack: gives the payload; None where the flow runs in this process.
        ship: gives flowenv itself, which travels with the run; None where the image has it.

    Attributes:
        variables: the variables of each kind of container.
    """

    def __init__(
        self,
        layers: Callable[[Target], Sequence[Layer]],
        pack: Callable[[], bytes] | None = None,
        ship: Callable[[], Runtime] | None = None,
    ) -> None:
        self.variables = Variables(layers)
        self._pack = pack
        self._ship = ship

    @property
    def command(self) -> tuple[str, ...]:
        """The command and its arguments."""
        return SHIPPED_COMMAND if self._ship else COMMAND

    @functools.cached_property
    def runtime(self) -> Runtime | None:
        """flowenv itself, if it travels with the run; it must be at `FLOWENV_RUNTIME_FILE`."""
        return self._ship() if self._ship else None

    @functools.cached_property
    def files(self) -> dict[str, bytes]:
        """The payload's files by name; the container finds them through `FLOWENV_PAYLOAD`.

        Raises:
            PayloadError: if something of the flow can't be sent to another process.
        """
        return {PAYLOAD_FILE: self._pack()} if self._pack else {}
