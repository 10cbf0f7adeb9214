"""The poller: many runs, few calls."""

import threading
from typing import Any

import pytest

from flowenv.errors import PlatformError
from flowenv_fargate.runs.task_poller import TaskPoller


class Owner:
    pass


class Ecs:
    """Counts DescribeTasks calls; knows every task but those in `missing`."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.missing: set[str] = set()
        self.error: PlatformError | None = None
        self.gate: threading.Event | None = None

    def call(self, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(parameters["tasks"])
        if self.gate:
            assert self.gate.wait(10)
        if self.error:
            raise self.error
        return {"tasks": [{"taskArn": arn} for arn in self.calls[-1] if arn not in self.missing]}


@pytest.fixture
def ecs() -> Ecs:
    return Ecs()


@pytest.fixture
def tasks(ecs: Ecs) -> TaskPoller:
    return TaskPoller(ecs, "c")  # type: ignore[arg-type]


@pytest.mark.parametrize(("runs", "calls"), [(1, 1), (100, 1), (101, 2), (200, 2)])
def test_a_round_takes_a_call_for_each_hundred_runs(
    runs: int, calls: int, ecs: Ecs, tasks: TaskPoller
) -> None:
    owner = Owner()
    for number in range(runs):
        tasks.watch(f"task-{number}", owner)
    for number in range(runs):
        assert tasks.look(f"task-{number}", max_age=60).task == {"taskArn": f"task-{number}"}

    assert len(ecs.calls) == calls
    assert max(map(len, ecs.calls)) <= 100


def test_threads_that_look_at_once_share_a_round(ecs: Ecs, tasks: TaskPoller) -> None:
    owner, gate = Owner(), threading.Event()
    ecs.gate = gate
    names = [f"task-{number}" for number in range(50)]
    for name in names:
        tasks.watch(name, owner)
    threads = [threading.Thread(target=tasks.look, args=(name, 60)) for name in names]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(10)

    assert len(ecs.calls) == 1


def test_a_look_at_an_age_is_not_older(ecs: Ecs, tasks: TaskPoller) -> None:
    first = tasks.look("task", max_age=60)
    assert tasks.look("task", max_age=60) is first

    assert tasks.look("task", max_age=0).at > first.at


def test_a_missing_task_is_told_from_one_that_is_there(ecs: Ecs, tasks: TaskPoller) -> None:
    ecs.missing = {"task"}

    assert tasks.look("task").task is None


def test_tasks_whose_handles_are_gone_are_not_asked_for(ecs: Ecs, tasks: TaskPoller) -> None:
    owner = Owner()
    tasks.watch("gone", owner)
    del owner
    tasks.look("other")

    assert ecs.calls == [["other"]]


def test_tasks_that_are_over_are_not_asked_for(ecs: Ecs, tasks: TaskPoller) -> None:
    owner = Owner()
    tasks.watch("over", owner)
    tasks.unwatch("over")
    tasks.look("other")

    assert ecs.calls == [["other"]]


def test_an_error_is_raised_and_the_next_look_tries_again(ecs: Ecs, tasks: TaskPoller) -> None:
    ecs.error = PlatformError("no")
    with pytest.raises(PlatformError):
        tasks.look("task")
    ecs.error = None

    assert tasks.look("task").task


def test_rounds_of_very_many_tasks_come_less_often(tasks: TaskPoller, monkeypatch: Any) -> None:
    monkeypatch.setattr("flowenv_fargate.runs.task_poller.POLL_SECONDS", 2.0)
    monkeypatch.setattr("flowenv_fargate.runs.task_poller.CALLS_PER_SECOND", 5.0)
    owner = Owner()
    tasks.watch("one", owner)
    usual = tasks.interval
    for number in range(10_000):
        tasks.watch(f"task-{number}", owner)

    assert usual == 2.0
    assert 100 / tasks.interval <= 5.1  # calls a second
