"""The phases of `flowenv status`: numbers for who reads, bars for who looks."""

from __future__ import annotations

import datetime
import io

import pytest

from flowenv.answers.times import Phase
from flowenv.cli.output.phase_bars import phase_lines

BEGAN = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC)


def at(seconds: float) -> datetime.datetime:
    return BEGAN + datetime.timedelta(seconds=seconds)


PHASES = (
    Phase("scheduling", at(0), at(5)),
    Phase("pulling", at(5), at(5)),
    Phase("running", at(5), at(10)),
)


class Ascii(io.StringIO):
    encoding = "ascii"


@pytest.fixture(autouse=True)
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "68")


def test_each_phase_has_its_numbers_and_a_bar_in_its_place() -> None:
    assert phase_lines(PHASES) == [
        "scheduling  2026-11-28 12:00:00 UTC  5 s  █████████████",
        "pulling     2026-11-28 12:00:05 UTC  0 s               █",
        "running     2026-11-28 12:00:05 UTC  5 s               █████████████",
    ]


def test_a_phase_that_goes_on_is_drawn_otherwise() -> None:
    (line,) = phase_lines([Phase("running", at(0))])
    assert line.split("  ")[-1] == "░" * len(line.split("  ")[-1])
    assert " so far  " in line


@pytest.mark.parametrize("columns", ["20", "50"])
def test_where_there_is_no_room_there_are_no_bars(
    columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert phase_lines(PHASES)[0] == "scheduling  2026-11-28 12:00:00 UTC  5 s"


def test_an_output_that_knows_only_ascii_has_bars_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Ascii())
    assert phase_lines(PHASES)[2].endswith("  5 s               #############")


def test_no_phase_no_line() -> None:
    assert phase_lines(()) == []
