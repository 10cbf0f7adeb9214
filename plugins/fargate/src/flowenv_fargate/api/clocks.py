"""Moments that AWS names, by this machine's clock, which may be hours off."""

from __future__ import annotations

import datetime
import email.utils
from typing import Any

from flowenv_fargate.api.vendor_errors import headers_of


def by_our_clock(answer: dict[str, Any], then: datetime.datetime) -> datetime.datetime:
    """A moment that an answer names, moved by what this machine's clock differs from AWS's.

    Args:
        answer: what AWS has just answered, with its headers.
        then: the moment.
    """
    try:
        answered = email.utils.parsedate_to_datetime(headers_of(answer).get("date") or "")
        return then + (now() - answered)
    except (ValueError, TypeError, OverflowError):  # no date, or none with a zone
        return then


def now() -> datetime.datetime:
    """What this machine's clock shows."""
    return datetime.datetime.now(datetime.UTC)
