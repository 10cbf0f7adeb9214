"""What an environment variable's name and value can be, on every platform."""

from __future__ import annotations

import re

from flowenv.secret import Secret

NAME_RULE = "A name has letters, digits, '_', '-' and '.', and doesn't begin with a digit."
NUL_RULE = "No process can have it: encode the value, such as in base64."
_NAME = r"[A-Za-z_.-][A-Za-z0-9_.-]*"


def is_name(name: object) -> bool:
    """Whether an environment variable can have this name on every platform.

    >>> is_name("LC_ALL"), is_name("A B="), is_name("2ND")
    (True, False, False)
    """
    return isinstance(name, str) and re.fullmatch(_NAME, name) is not None


def holds_nul(value: object) -> bool:
    r"""Whether a value has a NUL character, which ends a text where processes are started.

    >>> holds_nul("a\0b"), holds_nul(Secret("ab")), holds_nul(None)
    (True, False, False)
    """
    if isinstance(value, Secret):
        return value.reference is None and "\0" in value.reveal()
    return isinstance(value, str) and "\0" in value
