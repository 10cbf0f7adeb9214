"""What a value is made with isn't installed where it is read."""

from __future__ import annotations

import os

from flowenv import contract
from flowenv.errors import PayloadError


def not_installed(held: str, name: str, requirement: str) -> PayloadError:
    """The error for a document that can't be read without a package.

    Args:
        held: what the document holds, such as "a table".
        name: the package's name, for people.
        requirement: what pip installs.
    """
    if contract.PAYLOAD in os.environ:  # it is a parameter of the flow, in its container
        where, hint = "in the flow's image", "Add it there, or to what the flow requires."
    else:
        where, hint = "here", f"Run: pip install {requirement!r}"
    return PayloadError(f"This holds {held}, and {name} isn't installed {where}.", hint=hint)
