"""One Dask cluster, from before it exists until nothing of it is left."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flowenv.errors import FlowenvError
from flowenv.plugin import Event, Leftover, kill_workers, started_without_ctrl_c, without_its_work
from flowenv_dask_cloud.cluster import dask_objects
from flowenv_dask_cloud.cluster.dask_config import ProviderSettings
from flowenv_dask_cloud.cluster.diagnosis import not_in_time, start_error
from flowenv_dask_cloud.cluster.ecs.task_events import events_of
from flowenv_dask_cloud.cluster.event_loop import EventLoop, in_thread
from flowenv_dask_cloud.cluster.leftovers import UNSEEN, Leftovers, sentence
from flowenv_dask_cloud.cluster.members import Watch, describe
from flowenv_dask_cloud.cluster.progress import Progress
from flowenv_dask_cloud.cluster.watch import watched
from flowenv_dask_cloud.spec.providers import Provider

T = TypeVar("T")
_log = logging.getLogger("flowenv.dask_cloud")

_TICK = 0.5
"""Seconds between two looks at the clock while something is waited for."""
_GRACE = 20.0
"""Seconds for a start that can't be broken off cleanly to end by itself."""
_CLOSE, _CLOSE_HERE, _CLOSE_ALL = 90.0, 20.0, 240.0
"""Seconds for closing one machine or the cluster's own way, elsewhere and on this machine, and
for all of it."""
_ECHO = 1.0
"""Seconds in which a second interrupt is the first one's echo: shells and `uv run` forward
what their child gets anyway."""


@dataclass(frozen=True)
class Plan:
    """What is to be made.

    Args:
        provider: the provider's class.
        arguments: its arguments, secrets in the clear; with `security` where it takes one.
        adapt: what `cluster.adapt` gets; None for a fixed size.
        start_timeout: seconds until the scheduler must be up.
    """

    provider: Provider
    arguments: Mapping[str, Any] = field(repr=False)
    adapt: Mapping[str, Any] | None
    start_timeout: float


class ClusterLifecycle:
    """Makes a cluster and closes it, whatever comes between.

    The cluster lives in an event loop of its own thread, so that an interrupt in the main
    thread, at any moment, leaves something that can be closed.

    Args:
        plan: what is to be made.
        watch: knows what the provider has begun to make.
        leftovers: looks after what the provider leaves behind.
        progress: says how it goes.
    """

    def __init__(self, plan: Plan, watch: Watch, leftovers: Leftovers, progress: Progress) -> None:
        self.plan = plan
        self.cluster: Any = None
        self.left: list[Leftover] = []
        self._watch = watch
        self._leftovers = leftovers
        self._progress = progress
        self._settings = ProviderSettings()
        with started_without_ctrl_c():  # a terminal sends it to worker processes too
            self._loop = EventLoop()
        self._start: concurrent.futures.Future[None] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._adaptive: Any = None
        self._closed = False
        self._hurried = False

    def start(self) -> Any:
        """Make the cluster.

        Returns:
            The cluster, which has a scheduler now, and workers on their way.

        Raises:
            PlatformError: if it can't be made, or isn't up in time; it says why.
        """
        title, limit = self.plan.provider.title, self.plan.start_timeout
        self._start = self._loop.submit(self._make())
        try:
            self._wait(self._start, limit)
        except _NotInTime:
            here = self.plan.provider.facts.family == "local"
            doing, problems = self._progress.text, self.problems()
            raise not_in_time(title, limit, doing, problems, here=here) from None
        except FlowenvError:
            raise
        except Exception as error:
            raise start_error(title, error, self.problems()) from error
        if self.plan.adapt is not None:
            self._adaptive = self.cluster.adapt(**self.plan.adapt)
        return self.cluster

    def problems(self) -> list[str]:
        """What the provider itself says about tasks that don't run."""
        return self._asked(self._leftovers.problems) or []

    def events(self) -> list[Event]:
        """What the provider has said of the cluster's tasks, as this process has last seen them."""
        made = ((one, getattr(one, "task", None)) for one in self._watch.made)
        return events_of((getattr(one, "task_type", ""), task) for one, task in made if task)

    def why_no_worker(self) -> str | None:
        """Why no worker will come any more, if the provider knows."""
        return self._asked(self._leftovers.why_no_worker)

    def _asked(self, question: Callable[[], T]) -> T | None:
        try:
            return question()
        except Exception as error:  # the explanation must not replace what it explains
            _log.debug("The provider can't be asked what is wrong: %s", error)
            return None

    def hurry(self) -> None:
        """Don't wait for what worker processes here are doing when the cluster is closed."""
        self._hurried = True

    def close(self) -> None:
        """Close the cluster and remove what it leaves. A second time it does nothing.

        Raises:
            KeyboardInterrupt: if it was interrupted; what may be left has been logged.
        """
        if self._closed:
            return
        self._closed = True
        self._progress.closing(f"Closing the {self.plan.provider.title}.")
        closing = self._loop.submit(self._close_all())
        try:
            self._wait(closing, _CLOSE_ALL, echo_until=time.monotonic() + _ECHO)
        except _NotInTime:
            self._give_up(f"It isn't closed after {_CLOSE_ALL:g} s.")
        except KeyboardInterrupt:
            self._give_up("Interrupted again.")
            raise
        finally:
            kill_workers(self.cluster)
            self._settings.undo()
            self._report()
        self._loop.stop()

    # -- waiting in the calling thread --------------------------------------------------

    def _wait(
        self, future: concurrent.futures.Future[T], limit: float, *, echo_until: float = 0.0
    ) -> T:
        deadline = time.monotonic() + limit
        while True:
            try:
                done, _ = concurrent.futures.wait([future], timeout=_TICK)
                if done:
                    return future.result()
            except KeyboardInterrupt:
                if time.monotonic() > echo_until:
                    raise
            self._progress.still()
            if time.monotonic() > deadline:
                raise _NotInTime

    # -- in the cluster's own loop ------------------------------------------------------

    async def _make(self) -> None:
        self._task = asyncio.current_task()
        provider = self.plan.provider
        with self._settings.noticed():
            if dask_objects.runs_in_loop(provider):
                cls = watched(provider, self._watch)
                self.cluster = dask_objects.new_cluster(cls)
                await dask_objects.start_in_loop(self.cluster, self.plan.arguments)
            else:
                self.cluster = await in_thread(provider.cls, **self.plan.arguments)

    async def _close_all(self) -> None:
        await self._end_start()
        cluster = self.cluster
        if cluster is not None and not dask_objects.is_closed(cluster):
            if not dask_objects.is_running(cluster) or await self._is_lost():
                await self._end_members()
                dask_objects.mark_failed(cluster, without_scheduler=self._is_watched())
            else:
                await self._end_starting()
            await self._close_cluster(cluster)
        await self._end_members()
        self._progress.closing(f"Removing what the {self.plan.provider.title} has left.")
        try:
            self.left += await in_thread(self._leftovers.remove)
        except Exception as error:  # how the flow ended is more than what is left
            problem = f"{type(error).__name__}: {error}"
            self.left.append(Leftover("things of the cluster", UNSEEN, problem=problem))

    async def _close_cluster(self, cluster: Any) -> None:
        limit = _CLOSE_HERE if self.plan.provider.facts.family == "local" else _CLOSE
        at_once = without_its_work if self._hurried else contextlib.nullcontext
        try:
            async with asyncio.timeout(limit), at_once(cluster):
                await dask_objects.close(cluster)
        except Exception as error:
            _log.warning("The cluster's own way to close failed: %r", error)
            kill_workers(cluster)
            closing = [asyncio.ensure_future(m.close()) for m in dask_objects.members(cluster)]
            if closing:
                await asyncio.wait(closing, timeout=limit)

    async def _end_start(self) -> None:
        """End a start that is under way: at once where every part of it is watched.

        One that isn't ends by itself; worker processes of this machine needn't be waited for.
        """
        if self._task is None:
            return
        deadline = time.monotonic() + _GRACE
        while not (self._task.done() or self._is_watched() or time.monotonic() > deadline):
            kill_workers(self.cluster, only_starting=True)
            await asyncio.wait({self._task}, timeout=_TICK)
        if self._task.done():
            return
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=_GRACE)

    async def _is_lost(self) -> bool:
        if not self._is_watched() or not dask_objects.is_running(self.cluster):
            return False
        return not await dask_objects.answers(dask_objects.address(self.cluster))

    def _is_watched(self) -> bool:
        return self.plan.provider.facts.family in ("ecs", "machines")

    async def _end_members(self) -> None:
        """End every machine and task that isn't gone; what can't be ended is noted."""
        await asyncio.gather(*(self._end(one) for one in self._watch.made if not one.is_gone))

    async def _end_starting(self) -> None:
        """End what a running cluster is just making: its own close would wait until it is up."""
        if self._adaptive is not None:
            self._adaptive.stop()
        await asyncio.gather(*(self._end(one) for one in self._watch.made if one.is_starting))

    async def _end(self, member: Any) -> None:
        kind, name = describe(member)
        self._progress.closing(f"Ending the {kind} {name}.")
        try:
            await asyncio.wait_for(member.close(), _CLOSE)
        except Exception as error:
            self.left = [one for one in self.left if one.name != name]
            self.left.append(Leftover(kind, name, problem=f"{type(error).__name__}: {error}"))

    # -- what is left -------------------------------------------------------------------

    def _give_up(self, why: str) -> None:
        self.left += [
            Leftover(*describe(one), problem=why) for one in self._watch.made if not one.is_gone
        ]
        _log.warning("%s The %s may not be closed.", why, self.plan.provider.title)
        if self.plan.provider.facts.family == "ecs":
            _log.warning("`flowenv sweep` with this environment finds what is left.")

    def _report(self) -> None:
        for one in self.left:
            level = logging.INFO if one.removed or one.kind == "log stream" else logging.WARNING
            _log.log(level, "%s", sentence(one))


class _NotInTime(Exception):
    """What was waited for took too long."""
