"""Knowing, at any moment, which machines and tasks a provider has begun to make.

A provider's own clean-up only knows what is there when its start has succeeded. So the
provider's class, and the classes of its machines and tasks, are subclassed: each machine and
task is on a list from the moment when it is about to be made, and can be ended from then on.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from flowenv_dask_cloud.cluster.dask_objects import is_closed
from flowenv_dask_cloud.cluster.ecs.tasks import watched_task
from flowenv_dask_cloud.cluster.machines import watched_machine
from flowenv_dask_cloud.cluster.members import Watch
from flowenv_dask_cloud.spec.providers import Provider


def watched(provider: Provider, watch: Watch) -> type[Any]:
    """The provider's class, with every machine and task that it makes on the watch's list.

    A class that isn't known to make machines or tasks is given back as it is.
    """
    if provider.facts.family not in ("ecs", "machines"):
        return provider.cls
    member = watched_task if provider.facts.family == "ecs" else watched_machine

    class Watched(provider.cls):  # type: ignore[name-defined,misc]
        """The provider's class, watched."""

        @property
        def scheduler_spec(self) -> Any:
            return self.__dict__.get("scheduler_spec")

        @scheduler_spec.setter
        def scheduler_spec(self, spec: Any) -> None:
            wrapped = _wrapped(spec, member, watch)
            if wrapped and watch.scheduler_variables is not None:
                name = provider.facts.environment
                wrapped["options"] = {**wrapped["options"], name: dict(watch.scheduler_variables)}
            self.__dict__["scheduler_spec"] = wrapped

        @property
        def new_spec(self) -> Any:
            return self.__dict__.get("new_spec")

        @new_spec.setter
        def new_spec(self, spec: Any) -> None:
            self.__dict__["new_spec"] = _wrapped(spec, member, watch)

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


def _wrapped(spec: Any, member: Callable[[type[Any], Watch], type[Any]], watch: Watch) -> Any:
    if not spec or not isinstance(spec.get("cls"), type):
        return spec
    return {**spec, "cls": member(spec["cls"], watch), "options": dict(spec.get("options", {}))}
