"""A poller: many runs, few calls."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from types import SimpleNamespace

import pytest

from flowenv.errors import PlatformError
from flowenv.plugin import Poller
from flowenv.remote import poller


class Owner:
    pass


class Platform:
    """Counts calls; knows every name but those in `missing`."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.missing: set[str] = set()
        self.error: PlatformError | None = None
        self.gate: threading.Event | None = None

    def ask(self, names: Sequence[str]) -> Mapping[str, str]:
        self.calls.append(list(names))
        if self.gate:
            assert self.gate.wait(10)
        if self.error:
            raise self.error
        return {name: name.upper() for name in names if name not in self.missing}


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def tasks(platform: Platform) -> Poller[str]:
    return Poller(platform.ask, batch=100, fresh=0.0)


@pytest.mark.parametrize(("runs", "calls"), [(1, 1), (100, 1), (101, 2), (200, 2)])
def test_a_round_takes_a_call_for_each_hundred_runs(
    runs: int, calls: int, platform: Platform, tasks: Poller[str]
) -> None:
    owner = Owner()
    for number in range(runs):
        tasks.watch(f"task-{number}", owner)
    for number in range(runs):
        assert tasks.look(f"task-{number}", max_age=60).found == f"TASK-{number}"

    assert len(platform.calls) == calls
    assert max(map(len, platform.calls)) <= 100


def test_threads_that_look_at_once_share_a_round(platform: Platform, tasks: Poller[str]) -> None:
    owner, gate = Owner(), threading.Event()
    platform.gate = gate
    names = [f"task-{number}" for number in range(50)]
    for name in names:
        tasks.watch(name, owner)
    threads = [threading.Thread(target=tasks.look, args=(name, 60)) for name in names]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(10)

    assert len(platform.calls) == 1


def test_a_look_at_an_age_is_not_older(platform: Platform, tasks: Poller[str]) -> None:
    first = tasks.look("task", max_age=60)
    assert tasks.look("task", max_age=60) is first

    assert tasks.look("task", max_age=0).at > first.at


def test_a_missing_task_is_told_from_one_that_is_there(
    platform: Platform, tasks: Poller[str]
) -> None:
    platform.missing = {"task"}

    assert tasks.look("task").found is None


def test_tasks_whose_handles_are_gone_are_not_asked_for(
    platform: Platform, tasks: Poller[str]
) -> None:
    owner = Owner()
    tasks.watch("gone", owner)
    del owner
    tasks.look("other")

    assert platform.calls == [["other"]]


def test_tasks_that_are_over_are_not_asked_for(platform: Platform, tasks: Poller[str]) -> None:
    owner = Owner()
    tasks.watch("over", owner)
    tasks.unwatch("over")
    tasks.look("other")

    assert platform.calls == [["other"]]


def test_an_error_is_raised_and_the_next_look_tries_again(
    platform: Platform, tasks: Poller[str]
) -> None:
    platform.error = PlatformError("no")
    with pytest.raises(PlatformError):
        tasks.look("task")
    platform.error = None

    assert tasks.look("task").found == "TASK"


def test_rounds_of_very_many_tasks_come_less_often(tasks: Poller[str]) -> None:
    owner = Owner()
    tasks.watch("one", owner)
    usual = tasks.interval
    for number in range(10_000):
        tasks.watch(f"task-{number}", owner)

    assert usual == 2.0
    assert 100 / tasks.interval <= 5.1  # calls a second


def test_a_round_that_takes_long_serves_the_longer(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    def ask(names: Sequence[str]) -> Mapping[str, str]:
        nonlocal now
        now += 3.0  # longer than the usual interval
        return platform.ask(names)

    monkeypatch.setattr(poller, "time", SimpleNamespace(monotonic=lambda: now))
    tasks, owner = Poller(ask, batch=100), Owner()
    names = [f"task-{number}" for number in range(50)]
    for name in names:
        tasks.watch(name, owner)
    for name in names:  # one after the other, as a batch looks at its runs
        tasks.look(name, tasks.interval)
        now += 0.1
    assert len(platform.calls) == 1


def test_where_each_call_shows_all_there_are_one_serves_every_name() -> None:
    there, calls = {"a": 1, "b": 2}, list[Sequence[str]]()

    def ask(names: Sequence[str]) -> Mapping[str, int]:
        calls.append(names)
        return dict(there)

    jobs = Poller(ask, batch=0)
    assert [jobs.look(name, 60).found for name in ("a", "b", "absent")] == [1, 2, None]
    assert len(calls) == 1
    del there["b"]
    assert jobs.look("a", 0).found == 1
    assert jobs.look("b", 60).found is None
    assert len(calls) == 2


def test_what_was_seen_outlasts_a_list_that_fails() -> None:
    answers: list[Mapping[str, int] | PlatformError] = [{"a": 1}, PlatformError("no")]

    def ask(names: Sequence[str]) -> Mapping[str, int]:
        if isinstance(answer := answers.pop(0), PlatformError):
            raise answer
        return answer

    jobs = Poller(ask, batch=0)
    first = jobs.look("a", 60)
    with pytest.raises(PlatformError, match="no"):
        jobs.look("a", 0)
    assert jobs.look("a", 60) == first
