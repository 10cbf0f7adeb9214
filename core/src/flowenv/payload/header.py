"""What a payload says of itself, so that it can be refused before anything is unpickled."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from flowenv._version import __version__
from flowenv.errors import PayloadError

FORMAT = 1
"""Raised when older flowenvs can't read the payload any more."""
IN_PARTS = 2
"""The format of a payload whose common part stands apart."""

_SAME = "Use an image with the same flowenv and Python minor version as here."


@dataclass(frozen=True)
class Header:
    """Who packed a payload.

    Args:
        flowenv: the version of flowenv.
        format: the payload's format.
        python: the Python minor version, such as `3.11`.
        pickles: True if some of it is pickled.
        cloudpickle: the version of cloudpickle that did it.
    """

    flowenv: str
    format: int
    python: str
    pickles: bool
    cloudpickle: str | None = None

    @classmethod
    def here(cls, *, pickles: bool) -> Header:
        """The header of a payload that is packed in this process."""
        return cls(
            __version__, FORMAT, python_minor(), pickles, _cloudpickle() if pickles else None
        )

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Header:
        """The header of a document.

        Raises:
            KeyError: if it has none.
        """
        return cls(
            str(document["flowenv"]),
            document["format"],
            str(document["python"]),
            bool(document["pickles"]),
            document.get("cloudpickle"),
        )

    def to_json(self) -> dict[str, Any]:
        """The header as plain data, the first part of the document."""
        return asdict(self)

    def check(self) -> None:
        """Check that this Python and flowenv can run the payload.

        Raises:
            PayloadError: if they can't; the message says what to do.
        """
        if self.format not in (FORMAT, IN_PARTS) or _release(self.flowenv) > _release(__version__):
            raise PayloadError(
                f"The run was packed by flowenv {self.flowenv}, and here is flowenv {__version__}.",
                hint=f"The image needs flowenv {self.flowenv}, from where the submitter's came.",
            )
        if _release(self.flowenv)[0] != _release(__version__)[0]:
            raise PayloadError(
                f"The run was packed by flowenv {self.flowenv}; here is another major version, "
                f"{__version__}.",
                hint=_SAME,
            )
        if self.pickles:
            self._check_pickles()

    def _check_pickles(self) -> None:
        if self.python != python_minor():
            raise PayloadError(
                f"The run has pickled parts from Python {self.python}, and here is Python "
                f"{python_minor()}.",
                hint=f"{_SAME} Flows from a file or module with plain parameters run on any.",
            )
        there, here = self.cloudpickle or "", _cloudpickle()
        if there.partition(".")[0] != here.partition(".")[0]:
            raise PayloadError(
                f"The run has parts pickled by cloudpickle {there}, and here is {here}.",
                hint=f"Add to the image's Dockerfile: RUN pip install 'cloudpickle=={there}'",
            )


def python_minor() -> str:
    """This Python's minor version, such as `3.11`."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _cloudpickle() -> str:
    import cloudpickle

    return str(cloudpickle.__version__)


def _release(version: str) -> tuple[int, int]:
    major, _, rest = version.partition(".")
    try:
        return int(major), int(rest.split(".")[0])
    except ValueError as error:
        raise PayloadError(f"{version!r} is no version.") from error
