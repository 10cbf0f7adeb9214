"""How fast AWS is called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowenv_fargate import pacing
from flowenv_fargate.pacing import Rate


def test_waits_grow_to_the_longest_and_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "FIRST_WAIT", 1.0)
    monkeypatch.setattr(pacing, "LONGEST_WAIT", 4.0)
    found = list(pacing.waits(6))

    assert len(found) == 5
    for wait, most in zip(found, [1, 2, 4, 4, 4], strict=True):
        assert most / 2 <= wait <= most


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 200))
def test_a_burst_is_free_and_the_rest_is_spread_by_the_rate(
    burst: int, per_second: int, calls: int
) -> None:
    clock = [0.0]
    rate = Rate(burst, per_second, clock=lambda: clock[0])
    waited = [rate.reserve() for _ in range(calls)]

    assert waited[:burst] == [0.0] * min(burst, calls)
    assert waited[-1] == pytest.approx(max(0, calls - burst) / per_second)


def test_tokens_come_back_with_time_up_to_the_burst() -> None:
    clock = [0.0]
    rate = Rate(2, 1, clock=lambda: clock[0])
    assert [rate.reserve() for _ in range(3)] == [0.0, 0.0, 1.0]
    clock[0] = 100.0

    assert [rate.reserve() for _ in range(3)] == [0.0, 0.0, 1.0]
