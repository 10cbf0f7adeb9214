"""Calls that are tried again."""

from __future__ import annotations

import datetime
import email.utils
import random
from collections.abc import Callable
from typing import Any

import pytest

from flowenv.errors import PlatformError
from flowenv.plugin import Retries, TryAgain


def failing(*raised: Exception) -> tuple[Callable[[], int], list[Exception]]:
    """An attempt that raises these one after the other and then gives 7, and those to come."""
    left = list(raised)

    def attempt() -> int:
        if left:
            raise left.pop(0)
        return 7

    return attempt, left


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def retries(slept: list[float]) -> Retries:
    return Retries(tries=4, first=1.0, longest=3.0, draw=lambda: 1.0, sleep=slept.append)


@pytest.mark.parametrize("tried", range(1, 8))
def test_pauses_grow_are_drawn_and_bounded(tried: int) -> None:
    short, long = (Retries(draw=lambda n=n: n).pause(tried) for n in (0.0, 1.0))  # type: ignore[misc]
    assert 0.1 * 2 ** (tried - 1) == pytest.approx(short)
    assert long == pytest.approx(2 * short)


def test_pauses_grow_to_the_longest_and_end(retries: Retries, slept: list[float]) -> None:
    attempt, left = failing(*(TryAgain(OSError("busy")) for _ in range(5)))
    with pytest.raises(OSError, match="busy"):
        retries.call(attempt)
    assert (slept, len(left)) == ([1.0, 2.0, 3.0], 1)
    assert Retries(longest=3.0, draw=lambda: 0.0).pause(100_000) == 1.5


def test_what_passes_is_tried_again(retries: Retries, slept: list[float]) -> None:
    attempt, _ = failing(TryAgain(OSError()), TryAgain(OSError()))
    assert retries.call(attempt) == 7
    assert slept == [1.0, 2.0]


@pytest.mark.parametrize(("tries", "made"), [(None, 4), (2, 2)])
def test_in_the_end_the_error_itself_is_raised(
    retries: Retries, slept: list[float], tries: int | None, made: int
) -> None:
    def attempt() -> None:
        try:
            raise OSError("cut")
        except OSError as error:
            raise TryAgain(PlatformError("no answer"), tries=tries) from error

    with pytest.raises(PlatformError, match="no answer") as raised:
        retries.call(attempt)
    assert isinstance(raised.value.__cause__, OSError)
    assert len(slept) == made - 1


def test_any_other_error_is_final(retries: Retries, slept: list[float]) -> None:
    attempt, _ = failing(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        retries.call(attempt)
    assert slept == []


def test_credentials_are_renewed_once_and_without_a_pause(
    retries: Retries, slept: list[float]
) -> None:
    renewed: list[str] = []
    expired: Any = [TryAgain(OSError("over"), renew=lambda: renewed.append("x")) for _ in "123"]
    attempt, left = failing(*expired)
    with pytest.raises(OSError, match="over"):
        retries.call(attempt)
    assert (renewed, slept, len(left)) == (["x"], [], 1)


def test_a_platform_that_says_when_is_asked_then(retries: Retries, slept: list[float]) -> None:
    attempt, _ = failing(TryAgain(OSError(), after="2.5"), TryAgain(OSError(), after="3600"))
    assert retries.call(attempt) == 7
    assert slept == [2.5, 3.0]


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_a_platform_may_give_a_date(retries: Retries, zone: str) -> None:
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=60)
    written = email.utils.format_datetime(moment, usegmt=True).replace("GMT", zone)
    assert retries.pause(1, written) == 3.0
    assert retries.pause(1, f"Wed, 21 Oct 2015 07:28:00 {zone}") == 1.0


FAR = f"Mon, 01 Jan {10**20 - 1} 00:00:00 GMT"


@pytest.mark.parametrize("nonsense", ["soon", "", "-1", "nan", "1e400x", FAR])
def test_what_is_no_time_says_nothing(retries: Retries, nonsense: str) -> None:
    assert retries.pause(1, nonsense) == 1.0


def test_a_seeded_flow_keeps_its_sequence() -> None:
    random.seed(7)
    expected = random.random()
    random.seed(7)
    Retries().pause(3)
    assert random.random() == expected
