"""The cluster's events as a run tells them: in its words, with what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

from flowenv.plugin import Event, moment
from flowenv_k8s.runs.diagnosis.events import is_passing, reason_of, when_of
from flowenv_k8s.runs.diagnosis.reasons import hint_for

_BEFORE_ITS_START = frozenset({"FailedScheduling", "FailedMount", "FailedAttachVolume"})
"""What is in a pod's way until it has started, and no longer."""


def told(events: Iterable[Mapping[str, Any]]) -> list[Event]:
    """Events, oldest first.

    Args:
        events: as the cluster has them.
    """
    # the scheduler's have fractions of seconds, the others have none
    in_order = sorted(events, key=lambda e: (int(when_of(e)[0]), when_of(e)[1]))
    started = {_about(one) for one in in_order if one.get("reason") == "Started"}
    return [_told(one, started) for one in in_order]


def _about(event: Mapping[str, Any]) -> str:
    about = event.get("involvedObject") or {}
    return f"{about.get('kind') or ''} {about.get('name') or ''}".strip()


def _told(event: Mapping[str, Any], started: Set[str]) -> Event:
    series, about = event.get("series") or {}, _about(event)
    last = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    message = str(event.get("message") or "")
    is_over = about in started and event.get("reason") in _BEFORE_ITS_START
    is_warning = event.get("type") != "Normal" and not is_over and not is_passing(event)
    reason = reason_of(event) if is_warning else None
    count = series.get("count") or event.get("count")
    return Event(
        str(event.get("reason") or ""),
        message,
        moment(last),
        about,
        is_warning,
        count if isinstance(count, int) and count > 0 else 1,
        hint_for(reason, message) if reason else "",
    )
