"""Who submits: the user and the machine, as runs are marked with."""

from __future__ import annotations

import os

VARIABLE = "FLOWENV_SUBMITTER"
_LONGEST = 128


def submitter() -> str:
    """`user@host`, else what `FLOWENV_SUBMITTER` or the configuration's `submitter` says.

    Both may be empty: then runs are marked with nobody.

    Raises:
        ConfigurationError: if the configuration can't be read.
    """
    from flowenv.settings.configuration import configuration

    given = os.environ.get(VARIABLE)
    if given is None:
        given = configuration().submitter
    text = (_user_at_host() if given is None else given.strip())[:_LONGEST]
    # a variable may hold bytes that are no text, which no platform takes
    return text.encode("utf-8", "replace").decode()


def _user_at_host() -> str:
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # in a container a user may have no name
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return f"{user}@{socket.gethostname()}"
