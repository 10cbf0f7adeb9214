"""What a run's cluster leaves at the provider after it was closed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flowenv.plugin import Leftover
from flowenv_dask_cloud.diagnosis import why_stopped
from flowenv_dask_cloud.identity import cluster_name
from flowenv_dask_cloud.providers import Provider

UNSEEN = "not looked for"
"""In place of a name: whether there is anything of the kind isn't known."""


def sentence(one: Leftover) -> str:
    """What became of something that a run made.

    >>> sentence(Leftover("machine", "dask-1", problem="Interrupted again."))
    'machine dask-1 left behind: Interrupted again.'
    >>> sentence(Leftover("IAM roles", UNSEEN, problem="access denied"))
    "Whether IAM roles are left behind isn't known: access denied"
    """
    if one.removed:
        return f"{one.kind} {one.name} removed"
    if one.name == UNSEEN:
        return f"Whether {one.kind} are left behind isn't known: {one.problem}"
    return f"{one.kind} {one.name} left behind: {one.problem}"


class Leftovers:
    """Looks after what a provider itself doesn't remove. This one knows of nothing.

    Args:
        run_id: whose things are looked after.
        arguments: the provider's arguments, secrets in the clear.
    """

    def __init__(self, run_id: str, arguments: Mapping[str, Any]) -> None:
        self.run_id = run_id
        self.arguments = arguments

    def problems(self) -> list[str]:
        """Why the cluster's parts aren't running, in sentences; empty if nothing is known."""
        return []

    def why_no_worker(self) -> str | None:
        """Why no worker will come any more, if that is known."""
        return None

    def remove(self) -> list[Leftover]:
        """Remove what the run made; what stays is reported too."""
        return []


class EcsLeftovers(Leftovers):
    """ECS cluster, roles, task definitions, security group and log streams of a run."""

    def problems(self) -> list[str]:
        """The stopped tasks of the run and why they stopped."""
        return _reasons(self._tasks())

    def why_no_worker(self) -> str | None:
        """The scheduler, or every worker there is, has stopped."""
        from flowenv_dask_cloud.aws_account import is_scheduler

        tasks = self._tasks()
        workers = [task for task in tasks if not is_scheduler(task)]
        schedulers = [task for task in tasks if is_scheduler(task)]
        for group in (schedulers, workers):
            if group and all(task["lastStatus"] == "STOPPED" for task in group):
                return "; ".join(_reasons(group))
        return None

    def _tasks(self) -> list[dict[str, Any]]:
        from flowenv_dask_cloud.aws_account import Account, run_of

        return [t for t in Account(self.arguments).tasks() if run_of(t) == self.run_id]

    def remove(self) -> list[Leftover]:
        """Remove everything but the log streams, which may be what explains a failure."""
        from flowenv_dask_cloud.aws_account import Account

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
    from flowenv_dask_cloud.aws_account import is_scheduler

    found = []
    for task in tasks:
        if why := why_stopped(task):
            role = "scheduler" if is_scheduler(task) else "worker"
            found.append(f"the {role}'s task {why.message}")
    return list(dict.fromkeys(found))


def leftovers_of(provider: Provider) -> Callable[[str, Mapping[str, Any]], Leftovers]:
    """The class that knows what the provider leaves behind."""
    return EcsLeftovers if provider.facts.family == "ecs" else Leftovers
