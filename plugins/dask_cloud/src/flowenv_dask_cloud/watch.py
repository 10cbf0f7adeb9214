"""Knowing, at any moment, which machines and tasks a provider has begun to make.

A provider's own clean-up only knows what is there when its start has succeeded. So the
provider's class, and the classes of its machines and tasks, are subclassed: each machine and
task is on a list from the moment when it is about to be made, and can be ended from then on.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowenv_dask_cloud.client import answers, is_closed
from flowenv_dask_cloud.providers import Provider

_MAKING = 60.0
"""Seconds that a machine which is being made may take before it is ended nevertheless."""
_BETWEEN = 0.1
"""Seconds between two looks at the scheduler's port."""


@dataclass
class Watch:
    """What is known of one cluster while it is made.

    Args:
        say: told what the provider is doing.
        scheduler_variables: environment variables of the scheduler; None if they are the
            workers'.
        run_task: fields of RunTask, for ECS.
        own_definitions: the user's own task definitions, for ECS.
    """

    say: Callable[[str], None]
    scheduler_variables: Mapping[str, str] | None = None
    run_task: Mapping[str, Any] = field(default_factory=dict)
    own_definitions: frozenset[str] = frozenset()
    made: list[Member] = field(default_factory=list)
    """The machines and tasks, as objects of the provider's classes."""


def watched(provider: Provider, watch: Watch) -> type[Any]:
    """The provider's class, with every machine and task that it makes on the watch's list.

    A class that isn't known to make machines or tasks is given back as it is.
    """
    if provider.facts.family not in ("ecs", "machines"):
        return provider.cls
    ecs = provider.facts.family == "ecs"

    def members(cls: type[Any]) -> type[Any]:
        if ecs:
            from flowenv_dask_cloud.ecs_tasks import watched_task

            return watched_task(cls, watch)
        return watched_machine(cls, watch)

    class Watched(provider.cls):  # type: ignore[name-defined,misc]
        """The provider's class, watched."""

        @property
        def scheduler_spec(self) -> Any:
            return self.__dict__.get("scheduler_spec")

        @scheduler_spec.setter
        def scheduler_spec(self, spec: Any) -> None:
            wrapped = _wrapped(spec, members)
            if wrapped and watch.scheduler_variables is not None:
                name = provider.facts.environment
                wrapped["options"] = {**wrapped["options"], name: dict(watch.scheduler_variables)}
            self.__dict__["scheduler_spec"] = wrapped

        @property
        def new_spec(self) -> Any:
            return self.__dict__.get("new_spec")

        @new_spec.setter
        def new_spec(self, spec: Any) -> None:
            self.__dict__["new_spec"] = _wrapped(spec, members)

        def _log(self, log: str) -> None:
            self._cluster_manager_logs.append((datetime.datetime.now(), log))
            watch.say(f"{provider.title}: {log}.")

        def sync(self, func: Any, *args: Any, **kwargs: Any) -> Any:
            # finalizers at the interpreter's end would delete what is deleted already
            if is_closed(self):
                return None
            return super().sync(func, *args, **kwargs)

    Watched.__name__ = Watched.__qualname__ = provider.title
    return Watched


def _wrapped(spec: Any, members: Callable[[type[Any]], type[Any]]) -> Any:
    if not spec or not isinstance(spec.get("cls"), type):
        return spec
    return {**spec, "cls": members(spec["cls"]), "options": dict(spec.get("options", {}))}


class Member:
    """A machine or task that is ended once, however often and from wherever it is asked for."""

    _making: asyncio.Task[Any] | None = None
    _ending: asyncio.Task[None] | None = None

    @property
    def is_gone(self) -> bool:
        """True if it was ended, or never begun."""
        ended = self._ending is not None and self._ending.done()
        return self._making is None or (ended and not _failed(self._ending))

    @property
    def is_starting(self) -> bool:
        """True from when it was begun to be made until it is up, or has failed."""
        return self._making is not None and not self._making.done()

    async def _end_once(self, **kwargs: Any) -> None:
        if self.is_gone:
            return
        if self._ending is None or self._ending.done():
            self._ending = asyncio.ensure_future(self._end(**kwargs))
        await asyncio.shield(self._ending)

    async def _end(self, **kwargs: Any) -> None:
        raise NotImplementedError


def _failed(task: asyncio.Task[None] | None) -> bool:
    return task is not None and (task.cancelled() or task.exception() is not None)


def watched_machine(cls: type[Any], watch: Watch) -> type[Any]:
    """A machine's class whose making an interrupt doesn't tear apart.

    A call to the provider runs in a thread: cancelled, it would go on, and nobody would
    know of the machine. So it is waited for, and then the machine is destroyed.
    """

    class Machine(Member, cls):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            watch.made.append(self)

        async def create_vm(self) -> Any:
            self._making = asyncio.ensure_future(super().create_vm())
            return await asyncio.shield(self._making)

        async def wait_for_scheduler(self) -> None:
            # dask-cloudprovider's own blocks the event loop while a packet gets no answer
            address = self.external_address or self.address
            self.cluster._log(f"Waiting for the scheduler at {address}")
            while not await answers(address):
                await asyncio.sleep(_BETWEEN)

        async def _end(self, **kwargs: Any) -> None:
            assert self._making
            await asyncio.wait({self._making}, timeout=_MAKING)
            await super().close(**kwargs)

        async def close(self, **kwargs: Any) -> None:
            await self._end_once(**kwargs)

    Machine.__name__ = Machine.__qualname__ = cls.__name__
    return Machine


def describe(member: Any) -> tuple[str, str]:
    """What a machine or task is, and its name at the provider."""
    if hasattr(member, "task_arn"):
        return "ECS task", member.task_arn or f"a {member.task_type}, not yet started"
    return "machine", str(member.name)
