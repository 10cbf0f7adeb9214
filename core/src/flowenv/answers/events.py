"""What a platform itself says of a run: its own events, in its own words."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """Something that happened to a run on its platform.

    Args:
        name: what it is, in the platform's word: `FailedScheduling`, `EssentialContainerExited`.
        message: what the platform says of it.
        at: when it was last said, with a time zone; None if that isn't known.
        about: what it happened to: `Pod train-6f1c-x2b`, `container flow`.
        is_warning: True if it is in the way of the run.
        count: how often it was said.
        hint: what to do about it; empty when there is nothing to do.

    >>> Event("FailedScheduling", "0/3 nodes are available.", is_warning=True).count
    1
    """

    name: str
    message: str
    at: datetime.datetime | None = None
    about: str = ""
    is_warning: bool = False
    count: int = 1
    hint: str = ""

    def to_json(self) -> dict[str, Any]:
        """The event as plain data."""
        return {
            "name": self.name,
            "message": self.message,
            "at": self.at.isoformat() if self.at else None,
            "about": self.about,
            "is_warning": self.is_warning,
            "count": self.count,
            "hint": self.hint,
        }


def moments_of(record: Mapping[str, Any], said: Mapping[str, str], about: str) -> list[Event]:
    """The moments that a platform's record of something has, as events, oldest first.

    Args:
        record: the record; what isn't known yet isn't in it.
        said: the names of moments, and what each says.
        about: what the record is of.

    >>> import datetime
    >>> at = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)
    >>> [event.name for event in moments_of({"startedAt": at}, {"startedAt": "It began."}, "task")]
    ['startedAt']
    """
    found = [
        (at, Event(name, text, at, about))
        for name, text in said.items()
        if isinstance(at := record.get(name), datetime.datetime)
    ]
    return [event for _, event in sorted(found, key=lambda pair: pair[0])]
