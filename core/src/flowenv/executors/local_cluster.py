"""A LocalCluster and Ctrl-C: a terminal sends it to the worker processes too.

Whoever made the cluster decides what an interrupt means, so the workers take no notice of it
and are closed by their owner.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

from flowenv.executors.dask_connection import silenced


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


def ignore_ctrl_c(client: Any) -> None:
    """Let all workers of a LocalCluster, also later ones, take Ctrl-C and do nothing.

    Other than a signal that is blocked, one that is handled isn't inherited by the programs
    that tasks start: they end as their user expects.

    Args:
        client: a connected `distributed.Client`.
    """

    # functions inside a function are pickled whole: a worker needs no flowenv
    def take_it() -> None:
        import signal
        import threading

        if threading.current_thread() is threading.main_thread():  # else it is no process
            signal.signal(signal.SIGINT, lambda number, frame: None)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    client.register_worker_callbacks(take_it)


def close_at_once(cluster: Any) -> None:
    """Close a LocalCluster without waiting for what its processes are working at.

    Args:
        cluster: a `distributed.LocalCluster`.
    """
    with silenced():  # it warns of every worker that goes before its task
        cluster.sync(_kill_workers, list(cluster.workers.values()))
        cluster.close()


async def _kill_workers(workers: list[Any]) -> None:
    import asyncio

    from distributed import Nanny

    nannies = [one for one in workers if isinstance(one, Nanny)]  # threads can't be killed
    for nanny in nannies:
        nanny.close_gracefully()  # or it would start another worker
        if nanny.process and nanny.process.process:
            await nanny.process.process.kill()
    await asyncio.gather(*(one.close() for one in nannies), return_exceptions=True)
