"""One watch of pods, as the API server tells it: from a version on, until it ends or is cut."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from flowenv_k8s.api.client import Client
from flowenv_k8s.api.refusals import Refused, Request
from flowenv_k8s.api.resources import PODS
from flowenv_k8s.api.session import Stream

SILENCE = 90.0
"""Seconds without a word after which the connection counts as dead; bookmarks come each minute."""
_PERIOD = (240, 360)
"""Seconds after which the API server is asked to end a watch, drawn at random."""
_GONE = 410
_CHANCE = random.SystemRandom()  # the sequence of a flow that has called `random.seed` is its own


class WatchExpired(Exception):
    """The API server no longer knows the version to watch from: the pods have to be listed."""


def pod_events(
    client: Client,
    namespace: str,
    labels: str,
    version: str,
    opened: Callable[[Stream], object],
) -> Iterator[tuple[dict[str, Any], bool | None]]:
    """What happens to pods: each with True if it is gone, None if it is only a new version.

    Args:
        client: the connection.
        namespace: where.
        labels: the label selector.
        version: from where on.
        opened: called with the stream once it is open.

    Raises:
        WatchExpired: if the version is too old.
        ConnectionError: if the stream is cut.
        FlowenvError: if it is refused.
    """
    query = {
        "watch": "1",
        "labelSelector": labels,
        "resourceVersion": version,
        "allowWatchBookmarks": "true",
        "timeoutSeconds": str(_CHANCE.randint(*_PERIOD)),
    }
    request = Request("watch", PODS, namespace)
    try:
        stream = client.stream(request, query, raw=(_GONE,), idle=SILENCE)
    except Refused as refused:
        raise WatchExpired from refused
    opened(stream)
    for line in stream.lines():
        try:
            event = json.loads(line)
            kind, found = event["type"], event["object"]
            code = found.get("code")
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
            raise ConnectionError("the stream was cut inside an event, or has others") from error
        if kind == "ERROR" and code == _GONE:
            raise WatchExpired
        if kind == "ERROR":
            raise ConnectionError(found.get("message") or "the watch failed")
        yield found, None if kind == "BOOKMARK" else kind == "DELETED"
