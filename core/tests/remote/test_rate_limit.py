"""A rate limit: calls wait for their turn, whoever makes them."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowenv.plugin import RateLimit, Retries, TryAgain


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 200))
def test_a_burst_is_free_and_the_rest_is_spread_by_the_rate(
    burst: int, per_second: int, calls: int
) -> None:
    pauses: list[float] = []
    limit = RateLimit(per_second, burst, sleep=pauses.append, clock=lambda: 0.0)
    for _ in range(calls):
        limit.wait()
    wanted = [(n + 1) / per_second for n in range(max(calls - burst, 0))]
    assert [one for one in pauses if one > 1e-9] == pytest.approx(wanted)


def test_calls_come_at_the_rate_once_the_burst_is_spent() -> None:
    time = Time()
    limit = RateLimit(4, 3, sleep=time.sleep, clock=lambda: time.now)
    moments = []
    for _ in range(6):
        limit.wait()
        moments.append(time.now - 100)
    assert moments == [0, 0, 0, 0.25, 0.5, 0.75]


def test_a_while_without_calls_gives_the_burst_back_but_no_more() -> None:
    time = Time()
    limit = RateLimit(1, 2, sleep=time.sleep, clock=lambda: time.now)
    for _ in range(2):
        limit.wait()
    time.now += 60
    moments = []
    for _ in range(3):
        limit.wait()
        moments.append(time.now - 160)
    assert moments == [0, 0, 1]


def test_threads_share_it() -> None:
    pauses: list[float] = []
    limit = RateLimit(10, sleep=pauses.append, clock=lambda: 0.0)
    threads = [threading.Thread(target=limit.wait) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(pauses) == pytest.approx([n / 10 for n in range(1, 20)])


def test_each_try_waits_for_its_turn() -> None:
    time, answers = Time(), iter(["busy", "busy", "done"])
    limit = RateLimit(1, sleep=time.sleep, clock=lambda: time.now)

    def ask() -> str:
        if (answer := next(answers)) == "busy":
            raise TryAgain(RuntimeError(answer))
        return answer

    assert Retries(sleep=lambda _: None, limit=limit).call(ask) == "done"
    assert time.now == 102


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0)])
def test_a_limit_that_lets_nothing_through_is_an_error(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="per_second > 0 and burst >= 1"):
        RateLimit(rate, burst)
