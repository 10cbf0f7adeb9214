"""Deleting what the Dask operator looks after, which it holds until it has let go."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from flowenv.errors import PlatformError
from flowenv_k8s.plugin import Client, Resource

_log = logging.getLogger("flowenv.dask_k8s")

_FINALIZER = "kopf.zalando.org/KopfFinalizerMarker"
"""What the operator, which is made with kopf, holds an object by."""
OPERATORS_TURN = 0.3
"""Seconds for the operator to let a deleted object go."""
_GONE = 20.0
"""Seconds for a deleted object to be gone."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5


def remove(
    client: Client,
    resource: Resource,
    found: Mapping[str, Any],
    turn: float = OPERATORS_TURN,
) -> None:
    """Delete an object that the operator looks after, and return when it is gone.

    The operator has nothing to do at the end; it only stops looking after the object. But for
    that it may wait for a minute, if it is just asking a scheduler, or it may not run any more;
    then the object is taken from it.

    Args:
        client: the connection.
        resource: the object's type.
        found: the object as it was found.
        turn: seconds after which it is taken from the operator.

    Raises:
        PlatformError: if something else holds it.
    """
    metadata = found["metadata"]
    space, name, uid = metadata["namespace"], metadata["name"], metadata["uid"]
    client.delete(resource, space, name, uid=uid)
    began, pause, was_freed = time.monotonic(), _FIRST_PAUSE, False
    while True:
        there = client.get(resource, space, name)
        if there is None or there["metadata"]["uid"] != uid:
            return
        waited = time.monotonic() - began
        if waited > _GONE:
            raise PlatformError(
                f"The {resource.kind} {name} is still there {_GONE:g} s after it was deleted.",
                hint=f"Something holds it: {there['metadata'].get('finalizers')}.",
            )
        if waited > turn and not was_freed:
            _free(client, resource, there)
            pause, was_freed = _FIRST_PAUSE, True
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _free(client: Client, resource: Resource, deleted: Mapping[str, Any]) -> None:
    """Take the operator's finalizer off a deleted object."""
    metadata = deleted["metadata"]
    held_by = metadata.get("finalizers") or []
    left = [name for name in held_by if name != _FINALIZER]
    if left != held_by:
        _log.debug("The operator hasn't let %s go; its finalizer is taken off.", metadata["name"])
        patch = {"metadata": {"finalizers": left}}
        client.patch(resource, metadata["namespace"], metadata["name"], patch)
