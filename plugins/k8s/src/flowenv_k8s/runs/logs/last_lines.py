"""The last lines of a container that ends again and again."""

from __future__ import annotations

import logging
import time
from itertools import product

from flowenv.errors import FlowenvError
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.refusals import Refused, Request
from flowenv_k8s.api.resources import PODS
from flowenv_k8s.runs.logs.container_log import is_of_kubelet

_log = logging.getLogger("flowenv.k8s")

_PAUSES = (0.0, 0.5, 1.0, 1.0)
"""Seconds before each try: the pod's status names a removed container for a second or two."""
_LONGEST = 4096
"""Bytes of a line."""


def last_lines(client: Client, namespace: str, pod: str, container: str, count: int) -> list[str]:
    """What a container wrote before it ended; before that, what it writes now.

    Args:
        client: the connection.
        namespace: the pod's namespace.
        pod: its name.
        container: the container's name.
        count: how many lines at most.

    Returns:
        No lines if there are none, or they can't be read: they only explain.
    """
    request = Request("get", PODS, namespace, pod, "log")
    query = {"tailLines": str(count), "container": container}
    for pause, previous in product(_PAUSES, ("true", "")):
        if previous:
            time.sleep(pause)
        try:
            stream = client.stream(
                request, query | {"previous": previous}, raw=(400, 404), idle=10.0
            )
            found = [line.decode(errors="replace").rstrip() for line in stream.lines(_LONGEST)]
        except (Refused, FlowenvError, ConnectionError) as error:
            _log.debug("No log of %s: %s", pod, error)
            continue
        if found and not is_of_kubelet(found[0]):
            return found
    return []
