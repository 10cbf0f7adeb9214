"""What a run's cluster leaves on ECS, and why its tasks don't run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flowenv.plugin import Leftover
from flowenv_dask_cloud.cluster.diagnosis import why_stopped
from flowenv_dask_cloud.cluster.ecs.account import Account, is_scheduler, run_of
from flowenv_dask_cloud.cluster.leftovers import Leftovers
from flowenv_dask_cloud.spec.providers import Provider
from flowenv_dask_cloud.spec.tags import cluster_name


class EcsLeftovers(Leftovers):
    """ECS cluster, roles, task definitions, security group and log streams of a run."""

    def problems(self) -> list[str]:
        """The stopped tasks of the run and why they stopped."""
        return _reasons(self._tasks())

    def why_no_worker(self) -> str | None:
        """The scheduler, or every worker there is, has stopped."""
        tasks = self._tasks()
        workers = [task for task in tasks if not is_scheduler(task)]
        schedulers = [task for task in tasks if is_scheduler(task)]
        for group in (schedulers, workers):
            if group and all(task["lastStatus"] == "STOPPED" for task in group):
                return "; ".join(_reasons(group))
        return None

    def _tasks(self) -> list[dict[str, Any]]:
        return [t for t in Account(self.arguments).tasks() if run_of(t) == self.run_id]

    def remove(self) -> list[Leftover]:
        """Remove everything but the log streams, which may be what explains a failure."""
        account = Account(self.arguments)
        name = self.arguments.get("name") or cluster_name(self.run_id)
        things = account.things(self._is_ours, name)
        done = [account.remove(thing) for thing in things]
        streams = account.log_streams(self._is_ours, self.run_id)
        kept = [thing.leftover(problem="kept for you to read") for thing in streams]
        return [*done, *kept, *account.unseen]

    def _is_ours(self, run_id: str) -> bool:
        return run_id == self.run_id


def _reasons(tasks: Iterable[Mapping[str, Any]]) -> list[str]:
    found = []
    for task in tasks:
        if why := why_stopped(task):
            role = "scheduler" if is_scheduler(task) else "worker"
            found.append(f"the {role}'s task {why.message}")
    return list(dict.fromkeys(found))


def leftovers_of(provider: Provider) -> Callable[[str, Mapping[str, Any]], Leftovers]:
    """The class that knows what the provider leaves behind."""
    return EcsLeftovers if provider.facts.family == "ecs" else Leftovers
