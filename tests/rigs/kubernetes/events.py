"""Events: what the scheduler, the kubelet and controllers say about an object."""

from __future__ import annotations

from dataclasses import dataclass

from rigs.kubernetes.objects import (
    Manifest,
    micro_timestamp,
    object_reference,
    random_suffix,
    timestamp,
)
from rigs.kubernetes.resources import EVENT
from rigs.kubernetes.store import Key, Store

_SCHEDULER = "default-scheduler"
"""It writes its events in the newer way: with microseconds, counted in a series."""


@dataclass(frozen=True)
class _Said:
    uid: str
    reason: str
    message: str
    container: str


class EventRecorder:
    """Writes Events; one that was said before about an object is counted up instead."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._said: dict[_Said, Key] = {}

    def normal(
        self, about: Key, reason: str, message: str, component: str, container: str = ""
    ) -> None:
        """Record that something happened as it should; `container` is `spec.containers{name}`."""
        self._record("Normal", about, reason, message, component, container)

    def warning(
        self, about: Key, reason: str, message: str, component: str, container: str = ""
    ) -> None:
        """Record that something went wrong."""
        self._record("Warning", about, reason, message, component, container)

    def _record(
        self, kind: str, about: Key, reason: str, message: str, component: str, container: str
    ) -> None:
        subject = self._store.find(about)
        if subject is None:
            return
        said = _Said(subject["metadata"]["uid"], reason, message, container)
        key = self._said.get(said)
        old = self._store.find(key) if key else None
        if key and old:
            self._store.replace(key, {**old, **_again(old)})
            return
        namespace = about.namespace or "default"
        key = Key(EVENT, namespace, f"{about.name}.{random_suffix(16)}")
        self._said[said] = key
        event = _event(kind, about, subject, reason, message, component, key.name)
        if container:
            event["involvedObject"]["fieldPath"] = container
        self._store.create(key, event)


def _event(
    kind: str,
    about: Key,
    subject: Manifest,
    reason: str,
    message: str,
    component: str,
    name: str,
) -> Manifest:
    now = timestamp()
    times: Manifest = {
        "firstTimestamp": now,
        "lastTimestamp": now,
        "eventTime": None,
        "count": 1,
    }
    if component == _SCHEDULER:
        none = {"firstTimestamp": None, "lastTimestamp": None}
        times = {**none, "eventTime": micro_timestamp(), "series": None}
    return {
        "metadata": {"name": name},
        "involvedObject": object_reference(about.resource, subject),
        "reason": reason,
        "message": message,
        "type": kind,
        "source": {} if component == _SCHEDULER else {"component": component},
        "reportingComponent": component,
        "reportingInstance": "",
        **times,
    }


def _again(event: Manifest) -> Manifest:
    """What changes of an event that is said again."""
    if event["eventTime"] is None:
        return {"count": event["count"] + 1, "lastTimestamp": timestamp()}
    count = (event["series"] or {}).get("count", 1)
    return {"series": {"count": count + 1, "lastObservedTime": micro_timestamp()}}
