"""Dask's own objects: the cluster, the client, certificates. Imports Dask when it is used."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Mapping
from typing import Any

from flowenv_dask_cloud.cluster.event_loop import in_thread
from flowenv_dask_cloud.spec.providers import Provider

_ANSWER = 5.0
"""Seconds for a scheduler's port to answer."""
_ENCRYPTED = ("tls://", "wss://", "inproc://")


def temporary_security() -> Any:
    """Certificates for one cluster that exist in memory only."""
    from distributed.security import Security

    return Security.temporary()


def new_cluster(cls: type[Any]) -> Any:
    """A cluster object before its constructor has run.

    So there is something to close while the constructor, which makes the cluster, runs.
    """
    return object.__new__(cls)


async def start_in_loop(cluster: Any, arguments: Mapping[str, Any]) -> None:
    """Run a cluster's constructor and start it, in this event loop."""
    from tornado.ioloop import IOLoop

    cluster.__init__(**arguments, asynchronous=True, loop=IOLoop.current())
    await cluster


def runs_in_loop(provider: Provider) -> bool:
    """True if the provider's clusters can be started, and so stopped, within an event loop."""
    from distributed.deploy.spec import SpecCluster

    spec = issubclass(provider.cls, SpecCluster)
    return spec and provider.accepts("asynchronous") and provider.accepts("loop")


async def close(cluster: Any) -> None:
    """Close a cluster, wherever it was started."""
    if cluster.asynchronous:
        closing = cluster.close()
        if inspect.isawaitable(closing):
            await closing
    else:
        await in_thread(cluster.close)


def is_running(cluster: Any) -> bool:
    """True if the cluster's start has succeeded and it isn't closed."""
    from distributed.core import Status

    return getattr(cluster, "status", None) is Status.running


def is_closed(cluster: Any) -> bool:
    """True if there is nothing to close: it is closed, or its constructor never began."""
    from distributed.core import Status

    return getattr(cluster, "status", None) in (None, Status.closed)


def mark_failed(cluster: Any, *, without_scheduler: bool) -> None:
    """Let a cluster whose start was broken off be closed: else its `close` does nothing.

    Args:
        cluster: the cluster.
        without_scheduler: True if its scheduler is gone, so that it isn't waited for.
    """
    from distributed.core import Status

    cluster.status = Status.failed
    if without_scheduler:
        cluster.shutdown_scheduler = False


async def answers(address: str) -> bool:
    """True if something listens at an address such as `tls://10.0.0.1:8786`."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        async with asyncio.timeout(_ANSWER):
            _, writer = await asyncio.open_connection(host, int(port))
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def members(cluster: Any) -> list[Any]:
    """The scheduler and workers that a cluster's own object knows, started or not."""
    found = [getattr(cluster, "scheduler", None), *getattr(cluster, "_created", ())]
    return [one for one in found if one is not None]


def is_open(cluster: Any) -> bool:
    """True if anybody who reaches the scheduler may use it."""
    return not str(cluster.scheduler_address).startswith(_ENCRYPTED)


def address(cluster: Any) -> str:
    """The scheduler's address."""
    return str(cluster.scheduler_address)


def dashboard(cluster: Any) -> str:
    """The address of the cluster's dashboard; empty if it has none."""
    return str(getattr(cluster, "dashboard_link", "") or "")
