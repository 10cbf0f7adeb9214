"""Whether this process runs the flowenv that was sent with the run, on a Python that it needs."""

from __future__ import annotations

import os
import sys

from flowenv import contract
from flowenv.errors import PayloadError


def check_runtime() -> None:
    """Check the image's Python, and that the flowenv that was sent with the run is used.

    Raises:
        PayloadError: if it isn't.
    """
    if sys.version_info < (3, 11):  # noqa: UP036 - flowenv may have come to an image of any age
        found = ".".join(map(str, sys.version_info[:3]))
        raise PayloadError(
            f"The image has Python {found}; flowenv needs 3.11 or newer.",
            hint="Choose a newer image, such as python:3.12-slim.",
        )
    file = os.environ.get(contract.RUNTIME_FILE)
    if file and not __file__.startswith(file):
        raise PayloadError(f"flowenv was sent with the run ({file}), but {__file__} was imported.")
