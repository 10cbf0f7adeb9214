"""The machines and tasks of a cluster, from the moment when they are about to be made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


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

    async def close(self, **kwargs: Any) -> None:
        """End it, if it isn't gone."""
        if self.is_gone:
            return
        if self._ending is None or self._ending.done():
            self._ending = asyncio.ensure_future(self._end(**kwargs))
        await asyncio.shield(self._ending)

    async def _end(self, **kwargs: Any) -> None:
        raise NotImplementedError


def _failed(task: asyncio.Task[None] | None) -> bool:
    return task is not None and (task.cancelled() or task.exception() is not None)


def describe(member: Any) -> tuple[str, str]:
    """What a machine or task is, and its name at the provider."""
    if hasattr(member, "task_arn"):
        return "ECS task", member.task_arn or f"a {member.task_type}, not yet started"
    return "machine", str(member.name)
