"""The cluster's events as a run tells them: in its words, with what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flowenv.plugin import Event, moment
from flowenv_k8s.runs.diagnosis.events import reason_of, when_of
from flowenv_k8s.runs.diagnosis.reasons import hint_for


def told(events: Iterable[Mapping[str, Any]]) -> list[Event]:
    """Events, oldest first.

    Args:
        events: as the cluster has them.
    """
    # the scheduler's have fractions of seconds, the others have none
    return [_told(one) for one in sorted(events, key=lambda e: (int(when_of(e)[0]), when_of(e)[1]))]


def _told(event: Mapping[str, Any]) -> Event:
    series, about = event.get("series") or {}, event.get("involvedObject") or {}
    last = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    message = str(event.get("message") or "")
    is_warning = event.get("type") != "Normal"
    reason = reason_of(event) if is_warning else None
    count = series.get("count") or event.get("count")
    return Event(
        str(event.get("reason") or ""),
        message,
        moment(last),
        f"{about.get('kind') or ''} {about.get('name') or ''}".strip(),
        is_warning,
        count if isinstance(count, int) and count > 0 else 1,
        hint_for(reason, message) if reason else "",
    )
