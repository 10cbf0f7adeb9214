"""The poller of tasks: one call for a hundred of them."""

from typing import Any

import pytest

from flowenv_fargate.runs.tasks import TaskPoller, task_poller


class Owner:
    pass


class Ecs:
    """Counts DescribeTasks calls."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def call(self, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(parameters["tasks"])
        return {"tasks": [{"taskArn": arn} for arn in self.calls[-1] if arn != "missing"]}


@pytest.fixture
def ecs() -> Ecs:
    return Ecs()


@pytest.fixture
def tasks(ecs: Ecs) -> TaskPoller:
    return task_poller(ecs, "c")  # type: ignore[arg-type]


@pytest.mark.parametrize(("runs", "calls"), [(1, 1), (100, 1), (101, 2), (200, 2)])
def test_a_round_takes_a_call_for_each_hundred_runs(
    runs: int, calls: int, ecs: Ecs, tasks: TaskPoller
) -> None:
    owner = Owner()
    for number in range(runs):
        tasks.watch(f"task-{number}", owner)
    for number in range(runs):
        assert tasks.look(f"task-{number}", max_age=60).found == {"taskArn": f"task-{number}"}

    assert len(ecs.calls) == calls
    assert max(map(len, ecs.calls)) <= 100


def test_a_missing_task_is_told_from_one_that_is_there(tasks: TaskPoller) -> None:
    assert tasks.look("missing").found is None
    assert tasks.look("task").found == {"taskArn": "task"}
