"""`flowenv sweep`: what runs that are over have left at the provider."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from flowenv.errors import PlatformError, PlatformUnreachable, UnsupportedOperation
from flowenv.plugin import Leftover, revealed, seconds_since
from flowenv_dask_cloud.api import any_error
from flowenv_dask_cloud.cluster.diagnosis import said
from flowenv_dask_cloud.cluster.ecs.account import Account, Thing, is_scheduler, run_of
from flowenv_dask_cloud.environment import DaskCloudProviderEnvironment
from flowenv_dask_cloud.spec.providers import load_provider


def sweep(
    environment: DaskCloudProviderEnvironment, older_than: float, delete: bool
) -> list[Leftover]:
    """Find, and when told to remove, what runs that are over have left.

    A run is taken to live as long as its scheduler's task does: without its flow a scheduler
    ends by itself after five minutes.

    Args:
        environment: which provider, and the credentials and region.
        older_than: seconds; younger things are left alone.
        delete: True to remove what is found.

    Raises:
        UnsupportedOperation: if the provider's things can't be found by tags.
        PlatformUnreachable: if the provider doesn't let us look.
    """
    provider = load_provider(environment.provider_class)
    if provider.facts.family != "ecs":
        raise UnsupportedOperation(
            f"flowenv can't find what a {provider.title} has left behind.",
            hint="Machines of dask-cloudprovider have names that begin with 'dask-'; those with "
            "a scheduler end by themselves when they are idle.",
        )
    account = Account(revealed(environment.kwargs))
    try:
        return list(_swept(account, older_than, delete))
    except any_error() as error:
        text, hint = said(error)
        raise PlatformUnreachable(
            f"AWS doesn't let us look for what is left: {text}", hint=hint
        ) from error


def _swept(account: Account, older_than: float, delete: bool) -> Iterator[Leftover]:
    living = _living_runs(account)

    def is_over(run_id: str) -> bool:
        return run_id not in living

    def is_old(thing: Thing) -> bool:
        return thing.created is None or seconds_since(thing.created) >= older_than

    for source in (account.things(is_over), account.log_streams(is_over)):
        for thing in source:
            if is_old(thing):
                yield (
                    account.remove(thing)
                    if delete
                    else thing.leftover().swept(partial(_remove, account, thing), delete=False)
                )
    yield from account.unseen


def _remove(account: Account, thing: Thing) -> None:
    if problem := account.remove(thing).problem:
        raise PlatformError(problem)


def _living_runs(account: Account) -> set[str]:
    return {
        run_of(task) or ""
        for task in account.tasks()
        if task["lastStatus"] != "STOPPED" and is_scheduler(task)
    }
