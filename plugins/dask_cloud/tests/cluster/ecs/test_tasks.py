"""What is changed about dask-cloudprovider's ECS tasks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from flowenv_dask_cloud.cluster.ecs.tasks import todays_command, watched_task
from flowenv_dask_cloud.cluster.members import Watch


class Task:
    """A task that is as far from AWS as can be."""

    task_type = "scheduler"
    entry_point: list[str] | None = None
    stopped: dict[str, Any] | None = None
    refusals: list[ClientError] = []  # noqa: RUF012

    def __init__(self, task_definition_arn: str = "dask-x-scheduler:1") -> None:
        self.task: dict[str, Any] | None = None
        self.task_arn = ""
        self.task_kwargs: dict[str, Any] | None = {"group": "users-own"}
        self.task_definition_arn = task_definition_arn
        self._overrides = {"command": ["dask-scheduler", "--idle-timeout", "5 minutes"]}
        self.stops = 0

    async def start(self) -> None:
        while True:
            try:  # as dask-cloudprovider does it, but for its patience
                async with self._client("ecs") as ecs:
                    await ecs.run_task()
                break
            except Exception:
                continue
        self.task = {"taskArn": "arn:task/1", "lastStatus": "RUNNING", **(self.stopped or {})}
        if self.stopped:
            raise RuntimeError("Scheduler failed to start")

    async def close(self) -> None:
        self.stops += 1
        await asyncio.sleep(0)

    @contextlib.asynccontextmanager
    async def _client(self, name: str) -> AsyncIterator[Any]:
        yield self

    async def run_task(self) -> None:
        if self.refusals:
            raise self.refusals.pop()

    async def describe_task_definition(self, taskDefinition: str) -> dict[str, Any]:
        container = {"entryPoint": self.entry_point} if self.entry_point else {}
        return {"taskDefinition": {"containerDefinitions": [container]}}


def watch() -> Watch:
    return Watch(
        lambda text: None,
        run_task={"startedBy": "flowenv-dask/1"},
        own_definitions=frozenset({"users-own:1"}),
    )


def started(task: Any) -> Any:
    asyncio.run(task.start())
    return task


def test_a_task_runs_todays_command_and_is_started_once_under_the_runs_name() -> None:
    watched = watch()

    task = started(watched_task(Task, watched)())

    assert task._overrides["command"][:2] == ["dask", "scheduler"]
    assert task.task_kwargs["startedBy"] == "flowenv-dask/1"
    assert len(task.task_kwargs["clientToken"]) == 32
    assert task.task_kwargs["group"] == "users-own"
    assert watched.made == [task]


@pytest.mark.parametrize(
    ("entry_point", "first"), [(["tini", "--"], "dask-scheduler"), (None, "dask")]
)
def test_a_definition_of_the_users_own_with_an_entry_point_gets_the_command_it_was_written_for(
    entry_point: list[str] | None, first: str
) -> None:
    task = watched_task(Task, watch())("users-own:1")
    task.entry_point = entry_point

    assert started(task)._overrides["command"][0] == first


def test_a_task_that_stops_says_why() -> None:
    task = watched_task(Task, watch())()
    task.stopped = {"lastStatus": "STOPPED", "stoppedReason": "CannotPullContainerError: no"}

    with pytest.raises(RuntimeError, match="the scheduler's task has stopped: CannotPull"):
        started(task)


def test_a_task_is_stopped_once_however_often_it_is_closed() -> None:
    async def close_thrice() -> Any:
        task = watched_task(Task, watch())()
        await task.start()
        await asyncio.gather(task.close(), task.close())
        await task.close()
        return task

    task = asyncio.run(close_thrice())
    assert task.stops == 1
    assert task.is_gone


def test_a_task_that_never_began_isnt_stopped() -> None:
    task = watched_task(Task, watch())()

    asyncio.run(task.close())

    assert task.stops == 0
    assert task.is_gone


def refusal(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "RunTask")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("AccessDeniedException", "User: me is not authorized to perform: ecs:RunTask"),
        ("InvalidParameterException", "No Fargate configuration exists for given values"),
        ("ClusterNotFoundException", "Cluster not found."),
    ],
)
def test_a_lasting_refusal_ends_the_start_at_once_in_the_platforms_words(
    code: str, message: str
) -> None:
    task = watched_task(Task, watch())()
    task.refusals = [refusal(code, message), refusal(code, message)]

    with pytest.raises(RuntimeError, match="the scheduler's task: An error occurred") as raised:
        started(task)
    assert message in str(raised.value)
    assert len(task.refusals) == 1


def test_a_passing_refusal_is_left_to_dask_cloudproviders_patience() -> None:
    task = watched_task(Task, watch())()
    task.refusals = [
        refusal("ThrottlingException", "Rate exceeded"),
        refusal("InvalidParameterException", "Unable to assume the service linked role."),
    ]

    assert started(task).task


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["dask-scheduler", "--idle-timeout", "5"], ["dask", "scheduler", "--idle-timeout", "5"]),
        (["dask-worker", "tcp://a:1"], ["dask", "worker", "tcp://a:1"]),
        (["dask-cuda-worker", "x"], ["dask-cuda-worker", "x"]),
        (["dask", "worker"], ["dask", "worker"]),
    ],
)
def test_commands_get_todays_names(command: list[str], expected: list[str]) -> None:
    assert todays_command(command) == expected
