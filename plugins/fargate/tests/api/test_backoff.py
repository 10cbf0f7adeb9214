"""Waits between tries."""

import pytest

from flowenv_fargate.api import backoff


def test_waits_grow_to_the_longest_and_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_WAIT", 1.0)
    monkeypatch.setattr(backoff, "LONGEST_WAIT", 4.0)
    found = list(backoff.waits(6))

    assert len(found) == 5
    for wait, most in zip(found, [1, 2, 4, 4, 4], strict=True):
        assert most / 2 <= wait <= most
