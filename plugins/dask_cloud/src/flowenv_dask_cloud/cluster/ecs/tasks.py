"""ECS tasks of Dask's scheduler and workers, as today's Dask and a careful caller want them."""

from __future__ import annotations

import asyncio
import functools
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from flowenv_dask_cloud.api import Refused, refusing
from flowenv_dask_cloud.cluster.diagnosis import why_stopped
from flowenv_dask_cloud.cluster.members import Member, Watch

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
"""Seconds between two DescribeTasks; dask-cloudprovider itself doesn't pause at all."""
_STARTING = 15.0
"""Seconds that RunTask may take to answer before the task is given up."""
_COMMANDS = {"dask-scheduler": ("dask", "scheduler"), "dask-worker": ("dask", "worker")}


def todays_command(command: Sequence[str]) -> list[str]:
    """A command with the names that `distributed` installs since 2026.6.

    >>> todays_command(["dask-worker", "tcp://10.0.0.1:8786"])
    ['dask', 'worker', 'tcp://10.0.0.1:8786']
    """
    first, *rest = command
    return [*_COMMANDS.get(first, (first,)), *rest]


def watched_task(cls: type[Any], watch: Watch) -> type[Any]:
    """A task's class: on the watch's list, started once, and with its reason when it fails."""

    class WatchedTask(Member, cls):  # type: ignore[misc]
        _pause = _FIRST_PAUSE
        _client: Callable[[str], Any]
        task_kwargs: dict[str, Any] | None

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            watch.made.append(self)

        async def start(self) -> None:
            self._making = asyncio.ensure_future(self._start())
            await asyncio.shield(self._making)

        async def _start(self) -> None:
            if not await self._has_entry_point():
                self._overrides["command"] = todays_command(self._overrides["command"])
            # dask-cloudprovider repeats RunTask; the token makes that one task
            given: dict[str, Any] = self.task_kwargs or {}
            self.task_kwargs = {"clientToken": uuid.uuid4().hex, **watch.run_task, **given}
            watch.say(f"Starting the {self.task_type}'s task.")
            client, self._client = self._client, functools.partial(refusing, self._client)
            try:
                await super().start()
            except Refused as refused:
                raise RuntimeError(f"the {self.task_type}'s task: {refused}") from refused.__cause__
            except RuntimeError:  # it only says that it failed
                if self.task and (why := why_stopped(self.task)):
                    raise RuntimeError(f"the {self.task_type}'s task {why.message}") from None
                raise
            finally:
                self._client = client

        async def _has_entry_point(self) -> bool:
            """True for a definition of the user's own that may expect the old command."""
            if self.task_definition_arn not in watch.own_definitions:
                return False
            async with self._client("ecs") as ecs:
                answer = await ecs.describe_task_definition(taskDefinition=self.task_definition_arn)
            containers = answer["taskDefinition"]["containerDefinitions"]
            return any(one.get("entryPoint") for one in containers)

        async def _update_task(self) -> None:
            await super()._update_task()
            state = self.task["lastStatus"]
            if state in ("PROVISIONING", "PENDING", "ACTIVATING"):
                watch.say(f"The {self.task_type}'s task is {state}.")
                await asyncio.sleep(self._pause)
                self._pause = min(self._pause * 1.5, _LONGEST_PAUSE)

        async def _task_is_running(self) -> bool:
            running: bool = await super()._task_is_running()
            while self.task["lastStatus"] == "ACTIVATING":
                running = await super()._task_is_running()
            return running

        async def _end(self, **kwargs: Any) -> None:
            assert self._making
            for _ in range(int(_STARTING / _FIRST_PAUSE)):
                if self.task or self._making.done():
                    break
                await asyncio.sleep(_FIRST_PAUSE)
            self._making.cancel()
            await asyncio.wait({self._making})
            if self.task:
                self.task_arn = self.task["taskArn"]
            await super(Member, self).close(**kwargs)

    WatchedTask.__name__ = WatchedTask.__qualname__ = cls.__name__
    return WatchedTask
