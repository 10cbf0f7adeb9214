"""What the flow's container runs, independent of the platform."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from flowenv._version import __version__
from flowenv.contract import REQUIREMENTS, RUNTIME_DIGEST, RUNTIME_FILE, RUNTIME_URL, Target
from flowenv.contract.shipped_command import OTHER, image_command, shipped_command
from flowenv.contract.variables import Layer, Value, Variables

COMMAND = image_command()
"""The container's command."""
SHIPPED_COMMAND = shipped_command()
"""The same where flowenv comes with the run: it is found first."""

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

    def variables_to_fetch(self, url: Value) -> dict[str, Value]:
        """The variables of a container that fetches the file.

        Args:
            url: where from; a presigned one is a `Secret`.
        """
        return {RUNTIME_FILE: self.name, RUNTIME_DIGEST: self.digest, RUNTIME_URL: url}


@dataclass(frozen=True)
class Payload:
    """A payload, of which a part may be stored once for all runs of a batch.

    Args:
        own: the run's own part; all of it, if nothing is common.
        common: what it shares with the other runs: the flow and the environment. The run's own part
            has its SHA-256, so that the container takes no other.
    """

    own: bytes = field(repr=False)
    common: bytes | None = field(default=None, repr=False)


class Process:
    """What the flow's container runs: a command, variables, and the payload's files.

    Everything is made when it is first asked for, so a backend that runs the flow in this
    process pays for none of it.

    Args:
        layers: gives the layers of a container's variables.
        pack: gives the payload; None where the flow runs in this process.
        ship: gives flowenv itself, which travels with the run; None where the image has it.
        require: gives what the flow imports that an image may lack.
        split: gives the payload in parts, where the run is one of many; None where it is alone.

    Attributes:
        variables: the variables of each kind of container.
    """

    def __init__(
        self,
        layers: Callable[[Target], Sequence[Layer]],
        pack: Callable[[], bytes] | None = None,
        ship: Callable[[], Runtime] | None = None,
        require: Callable[[], Sequence[str]] | None = None,
        split: Callable[[], Payload] | None = None,
    ) -> None:
        self.variables = Variables(layers)
        self._pack = pack
        self._ship = ship
        self._require = require
        self._split = split

    @property
    def command(self) -> tuple[str, ...]:
        """The command and its arguments."""
        return SHIPPED_COMMAND if self._ship else COMMAND

    @property
    def image_command(self) -> tuple[str, ...]:
        """The command where flowenv is in the image, whether it travels or not."""
        return COMMAND

    @property
    def fetching_command(self) -> tuple[str, ...]:
        """The command where flowenv, if it travels, is fetched and not mounted.

        The container has the variables of `Runtime.variables_to_fetch`.
        """
        return shipped_command(fetched=True) if self._ship else COMMAND

    @functools.cached_property
    def requirements(self) -> tuple[str, ...]:
        """What the flow imports that an image may lack; the payload has it too.

        Raises:
            PayloadError: if one is no requirement.
        """
        return tuple(self._require()) if self._require else ()

    def other_command(self, arguments: Sequence[str]) -> tuple[str, ...]:
        """The command of another container of the run, such as `dask worker …`.

        What the flow's process can import, what runs there can import too: flowenv and the flow's
        requirements, which are installed first. The container has the variables of
        `other_variables`, and the file of `runtime` where those say. Further arguments may follow.

        Args:
            arguments: the program and its arguments. Unchanged, if it needs nothing of that.

        >>> process = Process(lambda target: (), require=lambda: ("pandas>=2",))
        >>> process.other_command(["dask", "worker"])[3:]
        ('flowenv', 'dask', 'worker')
        """
        if not self._ship and not self.requirements:
            return tuple(arguments)
        shell, option, script = shipped_command(OTHER) if self._ship else image_command(OTHER)
        return shell, option, f'{script} "$@"', "flowenv", *arguments

    def other_variables(self, folder: str) -> dict[str, str]:
        """The variables that `other_command` needs.

        Args:
            folder: where the container has the file of `runtime`.
        """
        found = self.runtime.variables(folder) if self.runtime else {}
        if self.requirements:
            found[REQUIREMENTS] = json.dumps(self.requirements)
        return found

    @functools.cached_property
    def runtime(self) -> Runtime | None:
        """flowenv itself, if it travels with the run, to be mounted or fetched."""
        return self._ship() if self._ship else None

    @functools.cached_property
    def payload(self) -> Payload:
        """The payload for a backend that can store a part of it once for all runs of a batch.

        The container finds the run's own part through `FLOWENV_PAYLOAD`, which is what the seal is
        of, and the common one, if there is one, through `FLOWENV_PAYLOAD_COMMON`.

        Raises:
            PayloadError: if something of the flow can't be sent to another process.
        """
        return self._split() if self._split else Payload(self.files.get(PAYLOAD_FILE, b""))

    @functools.cached_property
    def files(self) -> dict[str, bytes]:
        """The payload's files by name; the container finds them through `FLOWENV_PAYLOAD`.

        Raises:
            PayloadError: if something of the flow can't be sent to another process.
        """
        return {PAYLOAD_FILE: self._pack()} if self._pack else {}
