"""What ECS says of a cluster's tasks, as the run tells it."""

import datetime
from typing import Any

from flowenv_dask_cloud.cluster.ecs.task_events import events_of


def at(second: int) -> datetime.datetime:
    return datetime.datetime(2026, 11, 28, 12, 0, second, tzinfo=datetime.UTC)


def task(name: str, **told: Any) -> dict[str, Any]:
    return {"taskArn": f"arn:aws:ecs:eu-west-1:123456789012:task/dask/{name}", **told}


def test_the_moments_of_all_tasks_are_in_order_and_say_whose_they_are() -> None:
    scheduler = task("s1", lastStatus="RUNNING", createdAt=at(0), startedAt=at(5))
    worker = task("w1", lastStatus="PENDING", createdAt=at(3))

    found = events_of([("worker", worker), ("scheduler", scheduler)])

    assert [(one.name, one.about, one.at) for one in found] == [
        ("createdAt", "scheduler s1", at(0)),
        ("createdAt", "worker w1", at(3)),
        ("startedAt", "scheduler s1", at(5)),
    ]


def test_a_task_that_was_stopped_with_its_cluster_is_no_warning() -> None:
    stopped = task("w1", lastStatus="STOPPED", stopCode="UserInitiated", stoppedReason="by user")

    [event] = events_of([("worker", stopped)])

    assert (event.message, event.is_warning, event.hint) == ("It has stopped: by user.", False, "")


def test_a_task_that_stopped_by_itself_is_one_with_its_reason_and_what_to_do() -> None:
    stopped = task(
        "w1",
        lastStatus="STOPPED",
        stopCode="TaskFailedToStart",
        stoppedReason="CannotPullContainerError: not found",
        stoppedAt=at(9),
    )

    [event] = events_of([("worker", stopped)])

    assert (event.name, event.at, event.is_warning) == ("TaskFailedToStart", at(9), True)
    assert "CannotPullContainerError" in event.message
    assert "Does the image exist" in event.hint
