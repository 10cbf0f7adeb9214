"""When what of a run happened, and the phases between."""

from __future__ import annotations

import dataclasses
import datetime

import pytest

from flowenv.answers.times import Phase, RunTimes, times_seen
from flowenv.results.record.outcome import Outcome
from flowenv.states import State


def at(seconds: float) -> datetime.datetime:
    return datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC) + datetime.timedelta(
        seconds=seconds
    )


WHOLE = RunTimes(at(0), None, at(1), at(3), at(4), running=at(4.5), ended=at(10))


def named(times: RunTimes) -> list[tuple[str, float]]:
    return [(one.name, one.seconds()) for one in times.phases()]


def test_making_a_cluster_is_a_phase_of_its_own():
    times = RunTimes(at(0), started=at(1), clustering=at(2), clustered=at(5), running=at(6))
    assert named(times)[1:-1] == [("loading", 1), ("clustering", 3), ("loading", 1)]


def test_a_cluster_that_never_came_up_was_being_made_until_the_end():
    times = RunTimes(at(0), clustering=at(1), ended=at(6))
    assert named(times) == [("loading", 1), ("clustering", 5)]


def test_what_comes_after_the_flow_is_closing():
    times = RunTimes(at(0), started=at(4), running=at(5), returned=at(8.5), ended=at(10))
    assert named(times)[2:] == [("running", 3.5), ("closing", 1.5)]


def test_every_moment_ends_a_phase_and_begins_the_next():
    assert named(WHOLE) == [
        *(("scheduling", 1), ("pulling", 2), ("starting", 1)),
        *(("loading", 0.5), ("running", 5.5)),
    ]
    assert WHOLE.total() == 10


def test_installing_is_a_phase_of_its_own_where_something_was_installed():
    times = dataclasses.replace(WHOLE, installing=at(4.1), installed=at(4.3))
    assert [name for name, _ in named(times)[3:]] == ["loading", "installing", "loading", "running"]
    assert named(times)[4][1] == pytest.approx(0.2)


def test_the_last_phase_is_open_until_the_end():
    [_, pulling, starting] = RunTimes(at(0), None, at(1), at(3)).phases()
    assert (starting.name, starting.ended) == ("starting", None)
    assert starting.seconds(at(9)) == 6
    assert pulling.seconds(at(9)) == 2
    assert RunTimes(at(0)).total(at(9)) == 9


def test_of_a_run_that_is_over_no_phase_is_open():
    [only] = RunTimes(at(0), None, at(1)).phases(is_over=True)
    assert (only.name, only.seconds()) == ("scheduling", 1)


def test_what_is_not_known_is_part_of_the_next_phase():
    assert named(RunTimes(at(0), started=at(4), ended=at(10))) == [("starting", 4), ("running", 6)]
    assert named(RunTimes(at(0), running=at(4), ended=at(10))) == [("starting", 4), ("running", 6)]


def test_a_run_that_never_started_has_no_running_phase():
    assert named(RunTimes(at(0), None, at(1), ended=at(10))) == [("scheduling", 1), ("starting", 9)]
    assert named(RunTimes(at(0), ended=at(10))) == [("scheduling", 10)]


def test_clocks_that_differ_and_whole_seconds_turn_no_moment_back():
    times = RunTimes(at(2), None, at(1), started=at(4), running=at(4.7), ended=at(4))
    assert named(times) == [("scheduling", 0), ("starting", 2), ("loading", 0.7), ("running", 0)]


def test_the_json_has_each_moment_and_phase():
    assert WHOLE.to_json()["pulled"] == "2026-11-28T12:00:03+00:00"
    assert RunTimes(at(0)).to_json()["ended"] is None
    assert Phase("running", at(0), at(1.23456)).to_json() == {
        "name": "running",
        "began": "2026-11-28T12:00:00+00:00",
        "ended": "2026-11-28T12:00:01.234560+00:00",
        "seconds": 1.235,
    }


def test_where_no_platform_tells_what_was_seen_counts():
    seen = [(State.PENDING, at(0)), (State.RUNNING, at(1)), (State.FAILED, at(3))]
    assert named(times_seen(seen)) == [("starting", 1), ("running", 2)]


def test_a_flow_that_runs_here_tells_when_its_cluster_was_there():
    seen = [(State.PENDING, at(0)), (State.STARTING, at(1)), (State.COMPLETED, at(9))]
    began, called = at(2).timestamp(), at(5).timestamp()
    record = Outcome("r", State.COMPLETED, clustered=(began, 3.0), ran=(called, 2.0))
    assert named(times_seen(seen, record)) == [
        *(("loading", 2), ("clustering", 3), ("loading", 0), ("running", 2), ("closing", 2))
    ]
    making = Outcome("r", State.STARTING, clustered=(began, 0.0))
    [loading, clustering] = times_seen(seen[:2], making).phases()
    assert (loading.name, clustering.name, clustering.ended) == ("loading", "clustering", None)


def test_what_a_queue_held_back_is_a_phase_of_its_own() -> None:
    held = RunTimes(at(0), at(30), at(31), started=at(32), ended=at(40))
    assert named(held) == [("queued", 30), ("scheduling", 1), ("starting", 1), ("running", 8)]
    [_, waiting] = RunTimes(at(0), at(30)).phases()
    assert waiting.name == "scheduling"
