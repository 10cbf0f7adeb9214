"""Whether what it takes to make a cluster is allowed, asked before anything is made.

Refused, dask-kubernetes tries for minutes, and says so in thousands of lines or not at all; and
who makes pods that it can't see or remove leaves them behind.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from flowenv.errors import FlowenvError, PlatformError
from flowenv.plugin import Reason
from flowenv_k8s.plugin import Client, Request, is_allowed, rbac_rules

_log = logging.getLogger("flowenv.dask_k8s")


def check_allowed(client: Client, namespace: str, requests: Iterable[Request]) -> None:
    """Check that certain things are allowed; where that can't be asked, they count as such.

    Args:
        client: the connection.
        namespace: where.
        requests: what.

    Raises:
        PlatformError: if some aren't, with the rules that allow them.
    """
    try:
        lacking = missing(client, namespace, requests)
    except FlowenvError as error:
        _log.debug("What is allowed can't be asked: %s", error)
        return
    if lacking:
        what = ", ".join(f"{one.verb} {one.rbac_resource}" for one in lacking)
        whose = "the flow's service account" if client.where.in_cluster else "whoever runs flows"
        raise PlatformError(
            f"Not allowed to {what} in the namespace {namespace}, which it takes to make a "
            "Dask cluster.",
            hint=f"Add this to the Role of {whose}:\n{rbac_rules(lacking)}",
            reason=Reason.ACCESS_DENIED,
        )


def missing(client: Client, namespace: str, requests: Iterable[Request]) -> list[Request]:
    """Those of some requests that are denied.

    Raises:
        FlowenvError: if that can't be asked.
    """
    return [one for one in requests if not is_allowed(client, namespace, one)]
