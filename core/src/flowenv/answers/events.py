"""What a platform itself says of a run: its own events, in its own words."""

from __future__ import annotations

import datetime
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
