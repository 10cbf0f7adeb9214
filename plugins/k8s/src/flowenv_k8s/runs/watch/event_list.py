"""Why runs wait, as the namespace's events say it: in one list, where many runs wait at once."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from flowenv.plugin import Poller
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.resources import EVENTS

SHARED_FOR = 5.0
"""Seconds for which one list of all events serves everybody."""
MANY = 6
"""Objects whose events somebody wanted within that time, from which on one list has them all."""


class EventList:
    """The events of objects in a namespace, for all runs that this process follows there.

    Args:
        client: the connection.
        namespace: the namespace.
    """

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._lock = threading.Lock()
        self._asked: deque[float] = deque(maxlen=MANY)
        self._all = Poller[list[dict[str, Any]]](self._ask_for_all, batch=0, fresh=SHARED_FOR)

    def of(self, uid: str) -> list[dict[str, Any]]:
        """The events of an object; where many ask, they may be a few seconds old.

        Args:
            uid: the object's UID.

        Raises:
            FlowenvError: if they can't be read.
        """
        now = time.monotonic()
        with self._lock:
            self._asked.append(now)
            many = len(self._asked) == MANY and now - self._asked[0] < SHARED_FOR
        if many:
            return self._all.look(uid).found or []
        return self.now(uid)

    def now(self, uid: str) -> list[dict[str, Any]]:
        """The events of an object as they are now.

        Raises:
            FlowenvError: if they can't be read.
        """
        fields = f"involvedObject.uid={uid}"
        return self._client.list(EVENTS, self._namespace, fields=fields)[0]

    def _ask_for_all(self, uids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for event in self._client.list(EVENTS, self._namespace)[0]:
            uid = str((event.get("involvedObject") or {}).get("uid") or "")
            found.setdefault(uid, []).append(event)
        return found
