"""Timestamps of log lines."""

from __future__ import annotations

import pytest

from flowenv_k8s.runs.logs.stamps import SECOND, nanoseconds, written


def test_timestamps_are_read_to_the_nanosecond_and_in_any_zone() -> None:
    base = nanoseconds("2026-11-22T18:00:00Z")
    assert nanoseconds("2026-11-22T18:00:00.000000001Z") == base + 1
    assert nanoseconds("2026-11-22T18:00:00.5Z") == base + 500_000_000
    assert nanoseconds("2026-11-22T19:00:00.5+01:00") == base + 500_000_000
    assert written((base + 999_999_999) // SECOND) == "2026-11-22T18:00:00Z"
    for text in ("2026-11-22", "hello", "", "2026-11-22T18:00:00.x"):
        with pytest.raises(ValueError):  # noqa: PT011 - which words doesn't matter
            nanoseconds(text)
