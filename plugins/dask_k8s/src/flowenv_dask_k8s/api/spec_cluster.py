"""The only module that uses distributed's SpecCluster: which workers there are to be, and when."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, Protocol

from distributed import Security
from distributed.core import Status
from distributed.deploy import cluster as deployed
from distributed.deploy import spec as by_spec

# half of what they say has no types
_SpecCluster: Any = by_spec.SpecCluster
_ProcessInterface: Any = by_spec.ProcessInterface


class Workers(Protocol):
    """Whoever makes and removes workers. Nothing here waits for it."""

    def new_name(self) -> str:
        """A name that no worker has had."""

    def want(self, name: str) -> None:
        """A worker is to be there, if it isn't asked for already."""

    def unwant(self, name: str) -> None:
        """A worker is to be there no more."""


class WorkersCluster(_SpecCluster):  # type: ignore[misc]
    """A cluster whose scheduler is there, and whose workers somebody else makes.

    Args:
        scheduler: the scheduler's address for this process.
        contact: its address for the workers.
        workers: makes and removes them.
        first: the names of those that are asked for already.
        security: the certificates.
        dashboard: the dashboard's address.
    """

    def __init__(
        self,
        *,
        scheduler: str,
        contact: str,
        workers: Workers,
        first: Iterable[str],
        security: Security,
        dashboard: str,
    ) -> None:
        _quiet()
        self._makes = workers
        self._dashboard = dashboard
        worker = {"cls": _Worker, "options": {"workers": workers}}
        super().__init__(
            workers=dict.fromkeys(first, worker),
            scheduler={"cls": _Scheduler, "options": {"address": scheduler, "contact": contact}},
            worker=worker,
            security=security,
            name="flowenv",
            # it is ended by whoever has started it, however far this has come
            shutdown_scheduler=False,
        )

    @property
    def dashboard_link(self) -> str:
        """Where the dashboard is, in the scheduler's pod."""
        return self._dashboard

    def keep_between(self, minimum: int, maximum: int) -> None:
        """Have as many workers as there is work for, or always so many if both are equal."""
        if maximum > minimum:
            self.adapt(minimum=minimum, maximum=maximum)

    def replace(self, name: str) -> None:
        """Have another worker instead of one that is gone, if it is still to be there."""
        self.loop.add_callback(self._replace, name)

    async def _replace(self, name: str) -> None:
        if self.status == Status.running and self.worker_spec.pop(name, None):
            self.worker_spec.update(self.new_worker_spec())
            await self._correct_state()

    def scheduler_is_gone(self) -> None:
        """Ask the scheduler for nothing any more."""
        self.scheduler.status = Status.closed

    def _new_worker_name(self, number: int) -> str:
        return self._makes.new_name()

    def _update_worker_status(self, op: str, msg: Any) -> None:
        # not SpecCluster's, which makes a worker again by its name when the scheduler has missed it
        # for a while: what became of it says its pod
        deployed.Cluster._update_worker_status(self, op, msg)


def _quiet() -> None:
    """Leave it to the run's own log to say how many workers there are, unless all is asked for."""
    if not logging.getLogger("distributed.deploy").isEnabledFor(logging.DEBUG):
        logging.getLogger("distributed.deploy.adaptive").setLevel(logging.WARNING)


class _Scheduler(_ProcessInterface):  # type: ignore[misc]
    """The scheduler, which is there."""

    def __init__(self, address: str, contact: str) -> None:
        super().__init__()
        self.address, self.contact_address = address, contact


class _Worker(_ProcessInterface):  # type: ignore[misc]
    """One worker, as SpecCluster sees it."""

    def __init__(self, scheduler: str, name: str, workers: Workers) -> None:
        super().__init__(scheduler, name)
        self.name, self._workers = name, workers

    async def start(self) -> None:
        self._workers.want(self.name)
        await super().start()

    async def close(self) -> None:
        self._workers.unwant(self.name)
        await super().close()


def security_of(authority: str, certificate: str, key: str) -> Security:
    """What a client needs to be of the run: texts in PEM, or the paths of files with them.

    Args:
        authority: who has signed.
        certificate: the certificate of all that is the run's.
        key: its key.
    """
    own = {f"tls_{role}_cert": certificate for role in ("client", "scheduler", "worker")}
    keys = {f"tls_{role}_key": key for role in ("client", "scheduler", "worker")}
    return Security(tls_ca_file=authority, require_encryption=True, **own, **keys)


def close(cluster: WorkersCluster, timeout: float) -> None:
    """Close a cluster's connections; its workers are unwanted then.

    Args:
        cluster: the cluster.
        timeout: seconds that it may take.

    Raises:
        TimeoutError: if it takes longer.
    """
    try:
        cluster.sync(asyncio.wait_for, cluster._close(), timeout)
    finally:
        cluster._loop_runner.stop()
