"""A LocalCluster and signals: what a terminal or `timeout` sends reaches the workers too.

Whoever made the cluster decides what an interrupt means, so the workers take no notice of it
and are closed by their owner.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from flowenv.executors.dask_cluster.connection import silenced

_log = logging.getLogger("flowenv.dask")


@contextlib.contextmanager
def started_without_ctrl_c() -> Iterator[None]:
    """Processes that are started in the block don't hear Ctrl-C, however early it comes.

    They inherit that it is blocked, as do the threads that start processes later, when the
    cluster grows. Here it takes effect at the end of the block.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # its own threads may be anybody's
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # its start unblocks the signal again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def closed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a LocalCluster gets so that nobody else on this machine can use it.

    Who reaches a scheduler runs code with its user's rights, and on a loopback address that is
    everybody on the machine: so it speaks TLS, with certificates that only this cluster has.

    Args:
        settings: what the user has set; `security` or `protocol` there is left as it is, and
            threads in this process need no connection.
    """
    chosen = "security" in settings or "protocol" in settings
    if chosen or not settings.get("processes", True):
        return dict(settings)
    from distributed.security import Security

    try:
        return {**settings, "security": Security.temporary()}
    except ImportError as error:
        _log.warning(
            "The LocalCluster has no TLS: %s. Everybody on this machine can reach it and run code "
            "as you. Install cryptography, or use processes=False.",
            error,
        )
        return dict(settings)


def leave_interrupts_to_owner(client: Any) -> None:
    """Let all workers of a LocalCluster, also later ones, wait for their owner when interrupted.

    They take Ctrl-C and do nothing. On SIGTERM they give their owner two seconds to end them,
    so that Dask doesn't see workers die before the owner has heard of it; one that is short of
    memory ends at once, as this is how Dask ends it.

    Unlike a signal that is blocked, one that is handled isn't inherited by the programs
    that tasks start: they end as their user expects.

    Args:
        client: a connected `distributed.Client`.
    """

    # functions inside a function are pickled whole: a worker needs no flowenv
    def take_them(dask_worker: Any) -> None:
        import os
        import signal
        import threading

        own = os.getpid()

        def wait_for_owner(number: int, frame: object) -> None:
            signal.signal(number, signal.SIG_DFL)  # a second one ends it
            used = dask_worker.monitor.get_process_memory()
            is_short = used > 0.8 * (dask_worker.memory_manager.memory_limit or float("inf"))
            if is_short or os.getpid() != own:  # a task may have forked
                os.kill(os.getpid(), number)
            timer = threading.Timer(2, os.kill, (own, number))
            timer.daemon = True
            timer.start()

        if threading.current_thread() is threading.main_thread():  # else it is no process
            signal.signal(signal.SIGTERM, wait_for_owner)
            signal.signal(signal.SIGINT, lambda number, frame: None)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    client.register_worker_callbacks(take_them)


def close_at_once(cluster: Any) -> None:
    """Close a LocalCluster without waiting for what its workers are doing.

    Args:
        cluster: a `distributed.LocalCluster`.
    """
    cluster.sync(_close_at_once, cluster)


async def _close_at_once(cluster: Any) -> None:
    async with without_its_work(cluster):
        await cluster.close()


@contextlib.asynccontextmanager
async def without_its_work(cluster: Any) -> AsyncIterator[None]:
    """End what a cluster's workers on this machine are doing, so that it can be closed at once.

    Processes are killed; threads go on, but nobody waits for them. Dask warns of neither as
    long as the block lasts.

    Args:
        cluster: a `distributed` cluster, in whose event loop this runs.
    """
    from distributed import Worker

    with silenced():
        kill_workers(cluster)
        threads = [one for one in _workers(cluster) if isinstance(one, Worker)]
        await asyncio.gather(*(one.close(executor_wait=False) for one in threads))
        yield


def kill_workers(cluster: Any, *, only_starting: bool = False) -> None:
    """Kill the worker processes of a cluster that lives here, whatever they are doing.

    Args:
        cluster: a `distributed` cluster; one whose workers are elsewhere is left alone.
        only_starting: True to spare those that are up, and those that are being closed.
    """
    from distributed import Nanny, Status

    for nanny in _workers(cluster):
        if not isinstance(nanny, Nanny):
            continue
        if nanny.status is Status.running and not only_starting:
            nanny.close_gracefully()  # else it would start another one
        if nanny.pid and (nanny.status is Status.init or not only_starting):
            with contextlib.suppress(ProcessLookupError):
                os.kill(nanny.pid, signal.SIGKILL)


def _workers(cluster: Any) -> list[Any]:
    """The workers that a cluster's own object knows, also those that are still starting."""
    return list(getattr(cluster, "_created", ()))
