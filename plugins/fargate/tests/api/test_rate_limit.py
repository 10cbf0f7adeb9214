"""Staying below known rates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowenv_fargate.api.rate_limit import Rate


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
