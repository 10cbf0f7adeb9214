"""Clients of AWS's services, made when they are first used."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


def clients(**options: Any) -> Callable[[str], Any]:
    """A function that gives the client of a service.

    Args:
        **options: of each client, such as `region_name`; with None botocore finds out itself.
    """
    import botocore.session

    session: Any = botocore.session.get_session()
    return functools.cache(lambda service: session.create_client(service, **options))
